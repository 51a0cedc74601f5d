"""Where the response of an exchange goes."""

from collections.abc import Awaitable
from typing import Any, Protocol

from noderouter.core.connection import ConnectionInfo
from noderouter.core.headers import Headers
from noderouter.core.message import Response


class Reply(Protocol):
    """Where the response of an exchange goes; implemented by each server-side codec."""

    started: bool
    """A final response head has gone out; from here on nothing can be retried."""
    sent_bytes: int
    """Body bytes pushed so far."""
    connection: ConnectionInfo
    """The client's."""

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Send the head and the first body bytes in one go.

        Where `len(data) == response.length` the response is complete. Answers None when all is with the
        kernel, else what is to be awaited before more is pushed.
        """
        ...

    async def inform(self, response: Response) -> None:
        """Send an interim (1xx) response."""
        ...

    async def push(self, data: bytes) -> None:
        """Send more of the body; waits for the client's socket."""
        ...

    async def finish(self, trailers: Headers | None = None) -> None:
        """End a body that was begun CHUNKED or UNTIL_CLOSE."""
        ...

    async def tunnel(self, response: Response, far: Any, early: bytes) -> None:
        """Send the `response` (101, or 2xx to CONNECT), then carry bytes between client and `far` until both end.

        `far` is a wire, or a `core.duplex.Duplex`; `early` are bytes that came behind the head. Does not close `far`.
        """
        ...
