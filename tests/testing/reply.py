"""A reply that remembers what was pushed into it, and exchanges that have one."""

from collections.abc import Awaitable
from typing import Any

from noderouter.core.body import NO_BODY, Body
from noderouter.core.connection import ConnectionInfo
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_1, Response


class RecordingReply:
    """Implements `noderouter.core.reply.Reply`.

    Attributes:
        response: the final head, or None.
        interim: the 1xx heads.
        data: the body so far.
        finished: no more can come.
        trailers: what `finish` was given.
        pending: what `begin` answers; a test sets it to see that it is awaited.
    """

    def __init__(self) -> None:
        self.started = False
        self.sent_bytes = 0
        self.connection = ConnectionInfo(("", 0), ("", 0))
        self.response: Response | None = None
        self.interim: list[Response] = []
        self.data = b""
        self.finished = False
        self.trailers: Headers | None = None
        self.pending: Awaitable[None] | None = None

    def comes(
        self,
        peer: tuple[str, int] | None = None,
        local: tuple[str, int] | None = None,
        destination: bytes | None = None,
    ) -> None:
        """Have the client's connection come from `peer` to `local`, captured on its way to `destination`."""
        known = self.connection
        self.connection = ConnectionInfo(peer or known.peer, local or known.local, destination or known.destination)

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Note head and first bytes."""
        assert not self.started, "a second response"
        self.started = True
        self.response = response
        self._note(data)
        self.finished = len(self.data) == response.length
        return self.pending

    async def inform(self, response: Response) -> None:
        """Note an interim response."""
        assert not self.started
        self.interim.append(response)

    async def push(self, data: bytes) -> None:
        """Note more of the body."""
        assert self.started
        assert not self.finished
        self._note(data)
        assert self.response is not None
        self.finished = len(self.data) == self.response.length

    async def finish(self, trailers: Headers | None = None) -> None:
        """Note the end."""
        self.trailers = trailers
        self.finished = True

    async def tunnel(self, response: Response, wire: Any, early: bytes) -> None:
        """Note the head and the early bytes; carries nothing."""
        self.begin(response, early)
        self.finished = True

    def _note(self, data: bytes) -> None:
        self.data += data
        self.sent_bytes += len(data)


def make_exchange(
    method: bytes = b"GET",
    target: bytes = b"/",
    *,
    authority: bytes | None = b"hello",
    block: bytes = b"",
    body: Body = NO_BODY,
    reserved: tuple[tuple[bytes, bytes], ...] | None = None,
    version: int = HTTP_1_1,
    scheme: bytes = b"http",
) -> Exchange:
    """An exchange with a `RecordingReply`."""
    return Exchange(
        method,
        target,
        authority,
        Headers(block),
        body,
        RecordingReply(),
        version=version,
        reserved=reserved,
        scheme=scheme,
    )


def recorded(exchange: Exchange) -> RecordingReply:
    """The reply of an exchange made here."""
    assert isinstance(exchange.reply, RecordingReply)
    return exchange.reply
