"""What `noderouter check` says of certificates and keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from noderouter.commands.check.finding import Finding, Status
from noderouter.commands.check.tls import check_tls
from tests.testing.router import checked, config
from tests.testing.tls import authority, leaf, put, server_keys, write_authority


def findings(folder: Path, tls: dict[str, Any], client: dict[str, Any] | None = None) -> list[Finding]:
    keys: dict[str, Any] = {"servers": [{"port": 0, "tls": tls}]}
    if client is not None:
        keys["client"] = {"tls": client}
    return list(check_tls(checked(config("/svc => /$/nil", **keys))))


def only(found: list[Finding]) -> Finding:
    (one,) = found
    return one


def test_without_tls_there_is_nothing_to_say():
    assert list(check_tls(checked(config("/svc => /$/nil")))) == []


def test_what_is_good(tmp_path):
    tls = server_keys(tmp_path, caCertPath=str(write_authority(tmp_path)))
    chain, trust = findings(tmp_path, tls)
    assert chain.status is Status.OK
    assert chain.words.startswith("for web.test, 0 intermediates, ends in ")
    assert trust.status is Status.OK
    assert trust.words.startswith("1 of 1 authorities are valid, the last ends in ")


def test_the_system_is_trusted_where_nothing_is_said(tmp_path):
    found = findings(tmp_path, server_keys(tmp_path), {"commonName": "web.test"})
    assert [str(each) for each in found][1:] == ["ok   tls of the system: the system's authorities are trusted"]


@pytest.mark.parametrize("key", ["certPath", "keyPath"])
def test_what_is_missing(tmp_path, key):
    tls = server_keys(tmp_path)
    Path(str(tls[key])).unlink()
    found = only(findings(tmp_path, tls))
    assert found.status is Status.FAIL
    assert f"{tls[key]}: the file does not exist" in found.words


def test_a_key_of_another_certificate(tmp_path):
    tls = server_keys(tmp_path)
    put(Path(str(tls["keyPath"])), authority().issue_cert("other").private_key_pem.bytes())
    assert "the key is not that of the certificate" in only(findings(tmp_path, tls)).words


def test_what_has_ended_or_not_begun_or_ends_soon(tmp_path):
    now = datetime.now(UTC)

    def of(begin: float, end: float) -> Finding:
        cert = authority().issue_cert(
            "web.test", not_before=now + timedelta(days=begin), not_after=now + timedelta(days=end)
        )
        return only(findings(tmp_path, server_keys(tmp_path, cert)))

    assert (of(-90, -1).status, "ended 1.0 days ago" in of(-90, -1).words) == (Status.FAIL, True)
    early = of(1, 90)
    assert early.status is Status.FAIL
    begins = f"{now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert f"is valid from {begins} on, and the clock of this node says 20" in early.words
    assert of(-89, 1).status is Status.WARN
    assert of(-0.5, 0.5).status is Status.OK  # of those that live for a day


def test_a_chain_in_the_wrong_order(tmp_path):
    middle = trustme.CA().create_child_ca().create_child_ca()
    cert = middle.issue_cert("web.test")
    tls = server_keys(tmp_path, cert)
    assert (
        "1 intermediates" in only(findings(tmp_path, tls)).words
        or "2 intermediates" in only(findings(tmp_path, tls)).words
    )
    stranger = trustme.CA().cert_pem.bytes()
    put(Path(str(tls["certPath"])), cert.cert_chain_pems[0].bytes() + stranger)
    found = only(findings(tmp_path, tls))
    assert found.status is Status.FAIL
    assert "is not signed by" in found.words


def test_a_bundle_that_has_ended(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(leaf("late", days=-1).cert_chain_pems[0].bytes())
    found = findings(tmp_path, server_keys(tmp_path), {"commonName": "web", "trustCertsBundle": str(bundle)})
    assert found[1].status is Status.FAIL
    assert "none of 1 authorities is valid now" in found[1].words
