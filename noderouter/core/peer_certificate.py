"""What the other end of a TLS connection has proved to be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A certificate that was verified, and whose key the peer has."""

    hash: str
    """SHA-256 of the certificate in DER, hexadecimal."""
    subject: str
    """Its distinguished name (RFC 4514)."""
    dns: tuple[str, ...]
    """Of its subject alternative names, those of hosts; in order, as those below."""
    ips: tuple[str, ...]
    uris: tuple[str, ...]
    ends: float
    """When it is no longer valid, seconds since the epoch."""
