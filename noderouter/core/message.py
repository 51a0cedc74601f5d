"""What requests and responses share, whatever the version of HTTP.

Fields travel as *field lines*: `name: value CRLF`, in their order and spelling. That is what HTTP/1 sends, and what an
HPACK encoder reads from and a decoder writes to without an object for each field, so it is the form that filters append
to as well (docs/adr/0025).
"""

from typing import Final

from noderouter.core.headers import Headers

HTTP_1_0: Final = 10
HTTP_1_1: Final = 11
HTTP_2: Final = 20
VERSIONS: Final = {HTTP_1_0: b"HTTP/1.0", HTTP_1_1: b"HTTP/1.1", HTTP_2: b"HTTP/2"}
"""As versions are written in start lines and access logs."""

UNTIL_CLOSE: Final = -2
"""A response body length: ends with the connection (RFC 9112 section 6.3, item 8)."""

Reserved = tuple[tuple[bytes, bytes], ...]
"""Fields that are not among `headers`: name in lower case, and value, in order."""


class Message:
    """What requests and responses share.

    Field lines are bytes until somebody asks for Headers: most messages are only carried, and never taken apart.
    """

    __slots__ = ("_held", "reserved", "version")

    _held: Headers | bytes
    version: int
    """`HTTP_1_0`, `HTTP_1_1`, `HTTP_2`: ten times major plus minor."""
    reserved: Reserved | None

    @property
    def headers(self) -> Headers:
        """The fields; changing them changes the message."""
        held = self._held
        if isinstance(held, bytes):
            held = self._held = Headers(held)
        return held

    @property
    def block(self) -> bytes:
        """The field lines."""
        held = self._held
        return held if isinstance(held, bytes) else held.block

    def field(self, name: bytes) -> bytes | None:
        """A reserved field's first value; `name` in lower case."""
        return first(self.reserved, name)


class Response(Message):
    """A response head; `length` as in the message, or CHUNKED or UNTIL_CLOSE.

    `trailers` are the endpoint's, behind a body of unknown length that has ended; whoever looks afterwards finds them.
    """

    __slots__ = ("length", "reason", "status", "trailers")

    def __init__(
        self,
        status: int,
        reason: bytes,
        headers: Headers | bytes,
        length: int,
        version: int = HTTP_1_1,
        reserved: Reserved | None = None,
    ) -> None:
        """`reserved`: as in `Exchange`, for response fields."""
        self.status = status
        self.reason = reason
        self._held = headers
        self.length = length
        self.version = version
        self.reserved = reserved
        self.trailers: Headers | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status} length={self.length}>"


class ErrorResponse(Response):
    """The response to an exchange that failed: the router's own. `cause` is what it failed with."""

    __slots__ = ("cause",)

    def __init__(self, status: int, reason: bytes, headers: Headers, length: int, cause: Exception) -> None:
        super().__init__(status, reason, headers, length)
        self.cause = cause


def first(reserved: Reserved | None, name: bytes) -> bytes | None:
    """The first value called `name` among reserved fields, or None."""
    if reserved is not None:
        for key, value in reserved:
            if key == name:
                return value
    return None
