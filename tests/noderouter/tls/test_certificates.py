"""Certificates and keys in files: what is in effect while they change, what is said of them, what is refused.

Covers `followed.py`, `material.py`, `context.py`, `certificate.py`.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any

import pytest
import trio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from noderouter.naming.files.watcher import FileWatcher
from noderouter.telemetry.tree import MetricsTree
from noderouter.tls import certificates
from noderouter.tls import followed as of_followed
from noderouter.tls.certificate import CertificateError, read_peer
from noderouter.tls.certificates import Certificates, ending
from noderouter.tls.config import ClientTls, ServerTls
from noderouter.tls.followed import TlsFilesError
from tests.testing.loop import until
from tests.testing.tls import (
    HOST,
    authority,
    client_context,
    issued_by_a_clock,
    leaf,
    put,
    server_context,
    write_authority,
    write_files,
)


class World:
    """Certificates that are followed, and what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.metrics = MetricsTree(100)
        self.watcher = FileWatcher(self.log)
        self.certificates = Certificates(self.watcher, self.metrics.scope("tls"), self.log)

    def log(self, _level: int, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.events if each == event]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    made = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.watcher.run)
        nursery.start_soon(made.certificates.run)
        yield made
        nursery.cancel_scope.cancel()
    made.watcher.close()


def server_keys(folder: Path, cert: trustme.LeafCert | None = None, **keys: Any) -> ServerTls:
    chain, key = write_files(folder, cert or leaf())
    return ServerTls.model_validate({"certPath": str(chain), "keyPath": str(key)} | keys)


def shown(context: ssl.SSLContext, ours: ssl.SSLContext | None = None, name: str = HOST) -> dict[str, Any]:
    """What a client is shown by a server with `context`, or raise what either of them raises."""
    client_side, server_side, *_ = talk(context, ours or client_context(), name)
    server_side.read(1)
    return {"certificate": client_side.getpeercert(True), "version": client_side.version(), "client": server_side}


def talk(server: ssl.SSLContext, client: ssl.SSLContext, name: str = HOST) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a handshake in memory; the client has sent a byte."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    a = client.wrap_bio(to_client, to_server, server_hostname=name)
    b = server.wrap_bio(to_server, to_client, server_side=True)
    done = 0
    while done < 2:
        done = 0
        for end in (a, b):
            try:
                end.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
    a.write(b"x")
    return a, b


def der(cert: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.cert_chain_pems[0].bytes().decode())


async def test_a_new_certificate_is_for_new_connections(tmp_path):
    async with world() as found:
        tls = server_keys(tmp_path)
        followed = found.certificates.server(tls, "routers[0].servers[0].tls")
        before = followed.context
        assert shown(before)["certificate"] == der(leaf())
        fresh = authority().issue_cert(HOST)
        write_files(tmp_path, fresh)
        await until(lambda: followed.context is not before)
        assert shown(followed.context)["certificate"] == der(fresh)
        assert shown(before)["certificate"] == der(leaf())
        assert len(found.told("tls.loaded")) == 1
        assert found.metrics.number("tls", "reloads") == 1


async def test_what_does_not_fit_together_leaves_the_last_good_and_is_said_once(tmp_path):
    async with world() as found:
        tls = server_keys(tmp_path)
        followed = found.certificates.server(tls, "server")
        good = followed.context
        fresh = authority().issue_cert(HOST)
        put(Path(tls.certPath), fresh.cert_chain_pems[0].bytes())  # its key does not come
        await until(lambda: followed.error)
        assert followed.context is good
        assert "the key is not that of the certificate" in str(followed.error)
        assert found.metrics.number("tls", "files", tls.certPath, "refused_now") == 1
        put(Path(tls.certPath), fresh.cert_chain_pems[0].bytes() + b"\n")
        await until(lambda: followed.refused == 2)
        assert len(found.told("tls.refused")) == 1
        assert "refused: " in "".join(found.certificates.lines())
        put(Path(tls.keyPath), fresh.private_key_pem.bytes())
        await until(lambda: followed.error is None)
        assert shown(followed.context)["certificate"] == der(fresh)
        assert found.metrics.number("tls", "files", tls.certPath, "refused_now") == 0


async def test_one_that_is_not_valid_yet_waits_until_it_is(tmp_path, monkeypatch):
    """Case 46, of whoever writes the files: both clocks are named, and once it is time the files need no touch."""
    monkeypatch.setattr(certificates, "EARLY_SECONDS", 0.01)
    behind = 0.0
    monkeypatch.setattr(of_followed, "time", lambda: time() - behind)
    async with world() as found:
        tls = server_keys(tmp_path)
        followed = found.certificates.server(tls, "server")
        write_files(tmp_path, issued_by_a_clock(timedelta(minutes=1, seconds=50)))
        await until(lambda: followed.applied == 2)
        good = followed.context
        behind = 600.0
        fresh = issued_by_a_clock(timedelta())
        write_files(tmp_path, fresh)
        await until(lambda: followed.error)
        assert followed.context is good
        begins = x509.load_pem_x509_certificate(fresh.cert_chain_pems[0].bytes()).not_valid_before_utc
        words = f"is valid from {begins:%Y-%m-%dT%H:%M:%SZ} on, and the clock of this node says 20"
        assert words in str(followed.error)
        assert words in "".join(found.certificates.lines())
        behind = 0.0
        await until(lambda: followed.error is None)
        assert followed.refused == 1
        assert shown(followed.context)["certificate"] == der(fresh)
        assert len(found.told("tls.refused")) == 1


async def test_one_that_has_expired_takes_no_place_of_one_that_has_not(tmp_path, monkeypatch):
    async with world() as found:
        tls = server_keys(tmp_path)
        followed = found.certificates.server(tls, "server")
        good = followed.context
        write_files(tmp_path, leaf(days=-1))
        await until(lambda: followed.error)
        assert followed.context is good
        assert "was valid until" in str(followed.error)
        assert len(found.told("tls.refused")) == 1
        fresh = leaf()
        write_files(tmp_path, fresh)
        await until(lambda: followed.error is None)
        assert shown(followed.context)["certificate"] == der(fresh)
        # Where none is valid any more, the one that somebody has put there last is as good as another.
        monkeypatch.setattr(of_followed, "time", lambda: time() + 100 * 365 * 86400)
        write_files(tmp_path, leaf(days=-1))
        await until(lambda: followed.applied == 3)


async def test_one_that_is_not_valid_yet_is_better_than_none(tmp_path):
    """At the start; it is said."""
    async with world() as found:
        early = issued_by_a_clock(timedelta(minutes=5))
        followed = found.certificates.server(server_keys(tmp_path, early), "server")
        assert followed.error is None
        assert "the clock of this node says" in found.told("tls.early")[0]["reason"]


@pytest.mark.parametrize("data", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_a_broken_file_and_a_missing_one_leave_the_last_good(tmp_path, data):
    async with world() as found:
        tls = server_keys(tmp_path)
        followed = found.certificates.server(tls, "server")
        good = followed.context
        put(Path(tls.certPath), data)
        await until(lambda: followed.error)
        assert tls.certPath in str(followed.error)
        Path(tls.certPath).unlink()
        await until(lambda: "does not exist" in str(followed.error))
        assert followed.context is good
        assert len(found.told("tls.refused")) == 2


@pytest.mark.parametrize("broken", ["certPath", "keyPath", "caCertPath", "intermediateCertsPath"])
@pytest.mark.parametrize("data", [None, b"garbage"])
async def test_at_the_start_it_is_an_error(tmp_path, broken, data):
    path = tmp_path / "broken.pem"
    if data is not None:
        path.write_bytes(data)
    async with world() as found:
        keys = server_keys(tmp_path).model_dump(exclude_none=True) | {broken: str(path)}
        keys.pop("protocols")
        with pytest.raises(TlsFilesError, match=f"server: {path}") as caught:
            found.certificates.server(ServerTls.model_validate(keys), "server")
        assert ("does not exist" if data is None else "PEM is expected") in str(caught.value)
        assert not list(found.certificates)


async def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_passphrase(tmp_path):
    async with world() as found:
        tls = server_keys(tmp_path)
        key = load_pem_private_key(leaf().private_key_pem.bytes(), None)
        sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        put(Path(tls.keyPath), sealed)
        with pytest.raises(TlsFilesError, match="encrypted"):
            found.certificates.server(tls, "server")


async def test_keys_may_be_pkcs8(tmp_path):
    """As Linkerd wants them."""
    async with world() as found:
        tls = server_keys(tmp_path)
        key = load_pem_private_key(leaf().private_key_pem.bytes(), None)
        from cryptography.hazmat.primitives.serialization import NoEncryption

        put(Path(tls.keyPath), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        assert shown(found.certificates.server(tls, "server").context)


async def test_intermediates_are_shown_from_either_file(tmp_path):
    root = trustme.CA()
    middle = root.create_child_ca()
    cert = middle.create_child_ca().issue_cert(HOST)
    trusting = client_context(ca=lambda: root)
    async with world() as found:
        together = tmp_path / "together"
        together.mkdir()
        assert shown(found.certificates.server(server_keys(together, cert), "one").context, trusting)
        apart = tmp_path / "apart"
        apart.mkdir()
        tls = server_keys(apart, cert)
        put(Path(tls.certPath), cert.cert_chain_pems[0].bytes())
        put(apart / "middle.pem", b"".join(each.bytes() for each in cert.cert_chain_pems[1:]))
        apart_tls = ServerTls.model_validate(
            {"certPath": tls.certPath, "keyPath": tls.keyPath, "intermediateCertsPath": str(apart / "middle.pem")}
        )
        assert shown(found.certificates.server(apart_tls, "two").context, trusting)
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(found.certificates.server(tls, "three").context, trusting)


@pytest.mark.parametrize("required", [True, False])
async def test_clients_prove_who_they_are(tmp_path, required):
    async with world() as found:
        tls = server_keys(tmp_path, caCertPath=str(write_authority(tmp_path)), requireClientAuth=required)
        context = found.certificates.server(tls, "server").context
        server = shown(context, client_context(cert=leaf("front.test")))["client"]
        peer = read_peer(server.getpeercert(True))
        assert peer.dns == ("front.test",)
        assert len(peer.hash) == 64
        assert context.num_tickets == 0
        if required:
            with pytest.raises(ssl.SSLError, match="RETURN_A_CERTIFICATE"):
                shown(context, client_context())
        else:
            assert shown(context, client_context())["client"].getpeercert(True) is None


async def test_old_versions_cannot_be_had_and_versions_can_be_chosen(tmp_path):
    async with world() as found:
        context = found.certificates.server(server_keys(tmp_path), "server").context
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert shown(context)["version"] == "TLSv1.3"
        tls = server_keys(tmp_path, protocols=["TLSv1.2"], ciphers=["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"])
        context = found.certificates.server(tls, "chosen").context
        assert shown(context)["version"] == "TLSv1.2"
        assert [each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"] == [
            "ECDHE-ECDSA-CHACHA20-POLY1305"
        ]


async def test_clients_trust_what_they_are_told_to(tmp_path):
    async with world() as found:
        bundle = str(write_authority(tmp_path))
        for keys in ({"trustCerts": [bundle]}, {"trustCertsBundle": bundle}):
            tls = ClientTls.model_validate({"commonName": HOST} | keys)
            context = found.certificates.client(tls, "client", ("http/1.1",)).context
            assert shown(server_context(), context)
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                shown(server_context(), context, "other.test")
        system = found.certificates.client(ClientTls.model_validate({"commonName": HOST}), "system").context
        assert system.cert_store_stats()["x509_ca"] >= 0
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(server_context(), system)
        blind = found.certificates.client(ClientTls.model_validate({"disableValidation": True}), "blind").context
        assert shown(server_context(), blind, "any.test")


async def test_what_stands_between_certificates_may_be_in_any_language(tmp_path):
    """As in the bundles of systems, where names of authorities stand above them; not all of that is UTF-8."""
    async with world() as found:
        bundle = write_authority(tmp_path)
        bundle.write_bytes("Főtanúsítvány\n=====\n".encode() + b"\xff\n" + bundle.read_bytes())
        tls = ClientTls.model_validate({"commonName": HOST, "trustCertsBundle": str(bundle)})
        assert shown(server_context(), found.certificates.client(tls, "client").context)


async def test_a_certificate_that_only_openssl_can_read_leaves_the_last_good(tmp_path):
    """An X.400 address among its names."""
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, bytes.fromhex("3004a3020500"))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    made = builder.add_extension(names, critical=False).sign(key, SHA256())
    with pytest.raises(CertificateError, match="cannot be read: x400Address"):
        read_peer(made.public_bytes(Encoding.DER))
    async with world() as found:
        bundle = write_authority(tmp_path)
        tls = ClientTls.model_validate({"commonName": HOST, "trustCertsBundle": str(bundle)})
        followed = found.certificates.client(tls, "client")
        good = followed.context
        put(bundle, made.public_bytes(Encoding.PEM))
        await until(lambda: followed.error)
        assert followed.context is good


async def test_the_common_name_of_a_subject_counts_for_nothing(tmp_path):
    async with world() as found:
        cert = authority().issue_cert("alternative.test", common_name=HOST)
        tls = ClientTls.model_validate({"commonName": HOST, "trustCertsBundle": str(write_authority(tmp_path))})
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            shown(server_context(cert=cert), found.certificates.client(tls, "client").context)


async def test_trust_is_followed_too(tmp_path):
    async with world() as found:
        other = trustme.CA()
        bundle = write_authority(tmp_path, other)
        tls = ClientTls.model_validate({"commonName": HOST, "trustCertsBundle": str(bundle)})
        followed = found.certificates.client(tls, "client")
        assert found.certificates.client(tls, "client") is followed
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(server_context(), followed.context)
        put(bundle, other.cert_pem.bytes() + authority().cert_pem.bytes())
        await until(lambda: followed.applied == 2)
        assert shown(server_context(), followed.context)


async def test_when_certificates_end_is_told(tmp_path):
    async with world() as found:
        fresh = leaf.__wrapped__()  # what the tests share is as old as they are
        tls = server_keys(tmp_path, fresh, caCertPath=str(write_authority(tmp_path)))
        found.certificates.server(tls, "server")
        left = found.metrics.number("tls", "files", tls.certPath, "expires_s")
        assert left is not None
        assert 23 * 3600 < left < 24 * 3600
        assert found.metrics.number("tls", "files", str(tls.caCertPath), "expires_s") > left
        assert "ends in 24.0 h" in "".join(found.certificates.lines())


def test_how_ends_are_said():
    assert ending(10 * 86400, 0) == "ends in 10 days"
    assert ending(3600, 0) == "ends in 1.0 h"
    assert ending(0, 86400) == "ended 1.0 days ago"
