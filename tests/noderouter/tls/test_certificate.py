"""Whose a certificate is: one that says that it is a workload's has to be one (cases 8 to 11 of the design)."""

import ssl

import pytest
import trustme

from noderouter.tls.certificate import CertificateError, read_peer
from tests.testing.svid import FRONT, svid
from tests.testing.tls import leaf


def der(cert: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize("usage", [True, False])
def test_the_certificate_of_a_workload(usage: bool) -> None:
    found = read_peer(der(svid(FRONT, "front.prod", usage=usage)))
    assert found.identity == f"SAN={FRONT}"
    assert found.dns == ("front.prod",)


@pytest.mark.parametrize(
    ("cert", "words"),
    [
        (svid(FRONT, "spiffe://cluster.local/ns/prod/sa/back"), "has 2 URIs"),
        (svid("https://front.example", FRONT), "has 2 URIs"),
        (svid(*(f"urn:{number}" for number in range(40)), FRONT), "has 41 URIs"),
        (svid(f"{FRONT}?admin"), "none of a workload: 'spiffe://cluster.local/ns/prod/sa/front[?]admin'"),
        (svid("SPIFFE://cluster.local/ns/prod/sa/front"), "none of a workload"),
        (svid("spiffe://cluster.local"), "none of a workload"),
        (svid("spiffe://cluster.local/ns/prod/sa/%66ront"), "none of a workload"),
        (svid(FRONT, ca=True), "one that signs others"),
        (svid(FRONT, signs=True), "may sign certificates"),
    ],
)
def test_what_could_be_read_in_two_ways_is_nobodys(cert: trustme.LeafCert, words: str) -> None:
    with pytest.raises(CertificateError, match=words):
        read_peer(der(cert))


def test_other_names_may_be_several() -> None:
    assert read_peer(der(svid("urn:one", "urn:two"))).uris == ("urn:one", "urn:two")
    assert read_peer(der(leaf("front.test"))).identity == "DNS=front.test"
