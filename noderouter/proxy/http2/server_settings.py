"""What holds for the HTTP/2 sessions of one server."""

from dataclasses import dataclass
from math import inf

from noderouter.proxy.http2.settings import LocalSettings


@dataclass(slots=True, frozen=True)
class Http2ServerSettings(LocalSettings):
    """Limits of a server's sessions; sizes in bytes, times in seconds."""

    max_streams: int = 1000
    """Of one session at the same time (`maxConcurrentStreamsPerConnection`)."""
    head_seconds: float = 15.0
    """From the first byte of a session to the end of its preface, and for each header block."""
    idle_seconds: float = 600.0
    """Without a stream."""
    life_seconds: float = inf
    buffer_bytes: int = 16383
    """Of a request's body that is kept until its response begins, so that it can be sent again (`retryBufferSize`)."""
    body_idle_seconds: float = 60.0
    """Without a byte of a request's body that is awaited, or without one that the client reads."""
    tunnel_idle_seconds: float = 3600.0
    """Without a byte either way in a tunnel."""
    clear_context: bool = False
