"""What certificates say, read with `cryptography`, which is imported by the first that is read."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from noderouter.core.peer_certificate import PeerCertificate
from noderouter.core.spiffe import is_spiffe, is_workload

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

KEPT: Final = 1024
"""Certificates of peers whose content is remembered: reading one costs 60 µs, as much as two requests."""
SHOWN: Final = 32
"""Names of a certificate that are told, of each sort; there may be thousands."""


class CertificateError(ValueError):
    """What should be certificates is none; the message says why."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a certificate says of itself; times in seconds since the epoch."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """Its subject alternative names that are DNS names, IP addresses and URIs."""
    begins: float
    ends: float
    own_issuer: bool
    """Whether its issuer is itself, as with the root of a chain."""


def read_certificates(pem: bytes) -> list[Said]:
    """Read PEM; return what is in it, in order.

    Raises:
        CertificateError: there is none, or one that is broken.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return [_said(each) for each in load_pem_x509_certificates(pem)]
    except _cannot_be_read() as error:
        words = "no certificate is in it" if b"-----BEGIN CERTIFICATE-----" not in pem else f"broken: {error}"
        raise CertificateError(f"{words} (PEM is expected)") from None


def out_of_order(pem: bytes) -> str:
    """Say which certificate of a chain, which was read, is not signed by the one behind it; empty where all are."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509 import load_pem_x509_certificates

    chain = load_pem_x509_certificates(pem)
    for each, issuer in pairwise(chain):
        try:
            each.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return f"{_said(each).subject} is not signed by {_said(issuer).subject}, which stands behind it"
    return ""


@lru_cache(KEPT)
def read_peer(der: bytes) -> PeerCertificate:
    """Read the certificate of a peer, which OpenSSL has verified.

    Raises:
        CertificateError: it is one that OpenSSL reads and we cannot, or says that it is of a SPIFFE id, and is not as
            those have to be: whose it is could be read in two ways.
    """
    from cryptography.x509 import load_der_x509_certificate

    try:
        found = load_der_x509_certificate(der)
        dns, ips, uris = _names(found)
        made = PeerCertificate(
            sha256(der).hexdigest(),
            found.subject.rfc4514_string(),
            dns,
            ips,
            uris,
            found.not_valid_after_utc.timestamp(),
        )
        fault = _fault_of_svid(found)
    except _cannot_be_read() as error:
        raise CertificateError(f"the certificate of the peer cannot be read: {error}") from None
    if fault:
        raise CertificateError(fault)
    return made


def _cannot_be_read() -> tuple[type[Exception], ...]:
    """What `cryptography` raises for a certificate that OpenSSL may be able to read; not all of it is ValueError."""
    from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

    return ValueError, DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType


def _said(found: "Certificate") -> Said:
    dns, ips, uris = _names(found)
    return Said(
        found.subject.rfc4514_string() or ", ".join(dns[:1]),
        found.issuer.rfc4514_string(),
        (*dns, *ips, *uris),
        found.not_valid_before_utc.timestamp(),
        found.not_valid_after_utc.timestamp(),
        found.issuer == found.subject,
    )


def _names(found: "Certificate", most: int | None = SHOWN) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return its DNS names, IP addresses and URIs, so many of each at most."""
    from cryptography.x509 import (
        DNSName,
        ExtensionNotFound,
        IPAddress,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        names = found.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return (), (), ()
    return (
        tuple(names.get_values_for_type(DNSName)[:most]),
        tuple(str(each) for each in names.get_values_for_type(IPAddress)[:most]),
        tuple(names.get_values_for_type(UniformResourceIdentifier)[:most]),
    )


def _fault_of_svid(found: "Certificate") -> str:
    """Return why one with a SPIFFE id is no certificate of a workload (X509-SVID, sections 2 to 5); else nothing."""
    from cryptography.x509 import BasicConstraints, ExtensionNotFound, KeyUsage

    uris = _names(found, None)[2]
    if not any(map(is_spiffe, uris)):
        return ""
    if len(uris) != 1:
        return f"the certificate has {len(uris)} URIs, and one of them is a SPIFFE id: it has to be alone"
    if not is_workload(uris[0]):
        return f"the certificate's SPIFFE id is none of a workload: {uris[0][:200]!r}"
    with suppress(ExtensionNotFound):
        if found.extensions.get_extension_for_class(BasicConstraints).value.ca:
            return "the certificate has a SPIFFE id, and is one that signs others"
    with suppress(ExtensionNotFound):
        usage = found.extensions.get_extension_for_class(KeyUsage).value
        if usage.key_cert_sign or usage.crl_sign:
            return "the certificate has a SPIFFE id, and its key may sign certificates or lists of revoked ones"
    return ""
