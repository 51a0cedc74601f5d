"""What is known of a client's connection, for as long as it lasts."""

from dataclasses import dataclass

from noderouter.core.peer_certificate import PeerCertificate


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """The two ends of a client's connection, each an address and a port."""

    peer: tuple[str, int]
    """The client."""
    local: tuple[str, int]
    """What the client connected to; of a captured connection, what it dialled."""
    destination: bytes | None = None
    """What a captured connection dialled, as `Destination.name` or an address with its port; None for any other."""
    certificate: PeerCertificate | None = None
    """What the client has proved to be; None where it has shown no certificate, or there is no TLS."""
    scheme: bytes = b"http"
    """Of requests that do not name one: `https` with TLS."""
