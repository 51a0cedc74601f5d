"""What holds for the HTTP/2 sessions with endpoints."""

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, frozen=True)
class Http2ClientSettings:
    """What we announce to endpoints, and how many streams of a session we use; sizes in bytes."""

    max_streams: int = 2**31 - 1
    """Of one session at a time, where the endpoint does not allow fewer (`maxConcurrentStreamsPerConnection`)."""
    stream_window: int = 65536
    """What an endpoint may send on a stream before it is read (`initialStreamWindowBytes`)."""
    link_window: int = 1 << 20
    """The same for all streams of a session together."""
    header_table: int = 4096
    max_frame: int = 16384
    max_header_list: int = 60 * 1024
    """Of a response's fields, each counted with 32 bytes more (RFC 9113 section 6.5.2)."""


DEFAULT_CLIENT: Final = Http2ClientSettings()
