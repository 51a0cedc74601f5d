"""Request bodies: read by the server side, pulled by the client side."""

from typing import Final, Protocol

from noderouter.core.headers import Headers

CHUNKED: Final = -1
"""A body length: unknown in advance; the codec frames it (chunked, or DATA frames)."""


class Body(Protocol):
    """A request body to pull."""

    length: int
    """Bytes, or CHUNKED."""
    data: bytes | None
    """The whole body where it is at hand; None where it streams."""
    replayable: bool
    """Whether it may be sent a second time: it is at hand, and short enough for that (`streamAfterContentLengthKB`)."""
    trailers: Headers | None
    """Trailer fields, once `read` has answered b""."""

    async def read(self) -> bytes:
        """The next piece, or b"" at the end.

        Raises:
            ClientGone, Truncated: the client closed before the body was complete; Stalled: it stands still.
            ClientProtocolError, MalformedMessage: its framing is broken.
        """
        ...


class WholeBody:
    """A body that is at hand; `NO_BODY` is the empty one."""

    __slots__ = ("data", "length", "replayable", "trailers")

    def __init__(self, data: bytes, replayable: bool = True) -> None:
        self.data: bytes | None = data
        self.replayable = replayable
        self.length = len(data)
        self.trailers: Headers | None = None

    async def read(self) -> bytes:
        """Not used: a body with `data` is sent whole."""
        return b""


NO_BODY: Final = WholeBody(b"")
