"""What holds for the connections of one server, and what is counted about them."""

from dataclasses import dataclass
from math import inf

from noderouter.telemetry.edges import Edges


@dataclass(slots=True, frozen=True)
class ServerSettings:
    """Limits of a server's connections; sizes in bytes, times in seconds."""

    max_line_bytes: int = 16 * 1024
    max_head_bytes: int = 60 * 1024
    head_seconds: float = 15.0
    """From the first byte of a request to the end of its head."""
    idle_seconds: float = 600.0
    """Without a request."""
    life_seconds: float = inf
    buffer_bytes: int = 5 * 1024
    """Longer request bodies are streamed, and never replayed (`streamAfterContentLengthKB`)."""
    body_idle_seconds: float = 60.0
    """Without a byte of a request's body, or without one that the client reads; for all of a small body."""
    tunnel_idle_seconds: float = 3600.0
    """Without a byte either way in a tunnel."""
    clear_context: bool = False


class ServerStats:
    """Counts of one server, plain ints, and who calls whom, of its whole router."""

    __slots__ = (
        "closes",
        "connections",
        "connects",
        "edges",
        "idle_closes",
        "lifetime_closes",
        "protocol_errors",
        "received_bytes",
        "sent_bytes",
        "stalls",
    )

    def __init__(self, edges: Edges | None = None) -> None:
        self.edges = Edges() if edges is None else edges
        self.connects = 0
        self.closes = 0
        self.connections = 0
        self.protocol_errors = 0
        self.idle_closes = 0
        self.lifetime_closes = 0
        self.stalls = 0
        self.received_bytes = 0
        self.sent_bytes = 0
