"""What holds for the HTTP/1 connections of one server."""

from dataclasses import dataclass
from math import inf


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
