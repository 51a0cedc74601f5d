"""What is counted about the connections of one server, whatever version they speak."""

from noderouter.telemetry.edges import Edges
from noderouter.telemetry.streams import StreamStats


class ServerStats:
    """Counts of one server, plain ints, those of its streams, and who calls whom, of its whole router."""

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
        "streams",
    )

    def __init__(self, edges: Edges | None = None) -> None:
        self.edges = Edges() if edges is None else edges
        self.streams = StreamStats()
        self.connects = 0
        self.closes = 0
        self.connections = 0
        self.protocol_errors = 0
        self.idle_closes = 0
        self.lifetime_closes = 0
        self.stalls = 0
        self.received_bytes = 0
        self.sent_bytes = 0
