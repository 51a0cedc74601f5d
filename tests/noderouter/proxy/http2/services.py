"""Services in the place of a router, and what tests look at of a session."""

from collections.abc import Awaitable

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.message import Response
from noderouter.proxy.http2.server import Http2Connection
from noderouter.reactor.task import PARK, Task, current_task
from tests.testing.http2 import Http2Peer
from tests.testing.loop import until
from tests.testing.proxy import Proxy


async def soon(pending: Awaitable[None] | None) -> None:
    """Await what a reply wants awaited."""
    if pending is not None:
        await pending


async def body_of(exchange: Exchange) -> bytes:
    """All of a request's body."""
    data = exchange.body.data
    if data is not None:
        return data
    pieces = []
    while piece := await exchange.body.read():
        pieces.append(piece)
    return b"".join(pieces)


async def answer(exchange: Exchange, body: bytes = b"hello", status: int = 200, fields: bytes = b"") -> None:
    """A whole response."""
    exchange.verdict = SUCCESS
    await soon(exchange.reply.begin(Response(status, b"", fields, len(body)), body))


async def hello(exchange: Exchange) -> None:
    """Answer at once."""
    await answer(exchange)


async def echo(exchange: Exchange) -> None:
    """Answer with the body of the request, and with its trailers, piece by piece as it comes."""
    exchange.verdict = SUCCESS
    body, reply = exchange.body, exchange.reply
    await soon(reply.begin(Response(200, b"", b"", CHUNKED), body.data or b""))
    if body.data is None:
        while piece := await body.read():
            await reply.push(piece)
    await reply.finish(body.trailers)


async def sized(exchange: Exchange) -> None:
    """Answer with as many bytes as the target says, 16 KB at a time: `/100000`."""
    exchange.verdict = SUCCESS
    left = int(exchange.target[1:])
    await soon(exchange.reply.begin(Response(200, b"", b"", left), b""))
    while left:
        count = min(left, 16384)
        await exchange.reply.push(b"x" * count)
        left -= count


class Held:
    """A service that answers when it is told; `there` are the targets that wait, in order of their coming."""

    def __init__(self) -> None:
        self.begun = 0
        self.gone = 0
        self.there: list[bytes] = []
        self._open = False
        self._tasks: set[Task] = set()

    async def __call__(self, exchange: Exchange) -> None:
        task = current_task()
        self.begun += 1
        self.there.append(exchange.target)
        self._tasks.add(task)
        try:
            while not self._open:
                await PARK
        except BaseException:
            self.gone += 1
            raise
        finally:
            self.there.remove(exchange.target)
            self._tasks.remove(task)
        await answer(exchange)

    def release(self) -> None:
        """Answer all."""
        self._open = True
        for task in self._tasks:
            task.reactor.schedule(task)


def session_of(p: Proxy) -> Http2Connection:
    """The only session."""
    (connection,) = p.listener.connections
    assert isinstance(connection, Http2Connection)
    return connection


def whole(session: Http2Connection) -> None:
    """Nothing is left of streams that are over, and their windows are given back."""
    assert (session.streams, session.running, list(session.line)) == ({}, 0, [])
    assert session.granted + session._credit == session.link_window


async def at_rest(p: Proxy, peer: Http2Peer) -> Http2Connection:
    """Wait until no stream of the only session is left; `whole` has to hold then."""
    session = session_of(p)
    await peer.still_there()
    await until(lambda: not session.running and not session.streams)
    whole(session)
    return session
