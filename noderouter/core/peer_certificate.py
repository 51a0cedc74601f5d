"""What the other end of a TLS connection has proved to be."""

import re
from dataclasses import dataclass
from typing import Final


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

    @property
    def identity(self) -> str:
        """Whose it is: its first URI (a SPIFFE id), or else name of a host, or else its subject, as `field` says them.

        With the sort before it, so that a name of one sort is nobody's of another.
        """
        if self.uris:
            return f"SAN={self.uris[0]}"
        if self.dns:
            return f"DNS={self.dns[0].lower()}"
        return f"Subject={self.subject}" if self.subject else f"Hash={self.hash}"

    def field(self) -> bytes:
        """Return the field `x-forwarded-client-cert` that tells an endpoint of it, as a line.

        A value that holds what separates values is quoted, as Envoy does; what no field may hold is escaped as in URIs.
        """
        values = [("Hash", self.hash), *(("SAN", uri) for uri in self.uris), *(("DNS", name) for name in self.dns)]
        shown = ";".join(f"{key}={_quoted(value)}" for key, value in values)
        text = f'x-forwarded-client-cert: {shown};Subject="{_escaped(self.subject)}"\r\n'
        return _CONTROL.sub(lambda found: b"%%%02X" % found[0][0], text[:-2].encode("utf-8", "replace")) + b"\r\n"


_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_SEPARATES: Final = frozenset(',;="')


def _quoted(value: str) -> str:
    return f'"{_escaped(value)}"' if _SEPARATES.intersection(value) else value


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
