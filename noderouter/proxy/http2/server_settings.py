"""What holds for the HTTP/2 sessions of one server."""

from dataclasses import dataclass
from math import inf


@dataclass(slots=True, frozen=True)
class Http2ServerSettings:
    """Limits of a server's sessions; sizes in bytes, times in seconds."""

    max_streams: int = 1000
    """Of one session at the same time (`maxConcurrentStreamsPerConnection`)."""
    stream_window: int = 65536
    """What a client may send on a stream before it is read (`initialStreamWindowBytes`)."""
    link_window: int = 1 << 20
    """The same for all streams of a session together: so much of it may wait in memory."""
    header_table: int = 4096
    max_frame: int = 16384
    max_header_list: int = 60 * 1024
    """Of a request's fields, each counted with 32 bytes more (RFC 9113 section 6.5.2)."""
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


DEFAULT_SERVER: Http2ServerSettings = Http2ServerSettings()
