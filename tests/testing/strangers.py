"""What may answer where a router's peer should: silence, junk, too much, too slowly."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from noderouter.admin.mesh.peers import Peer

Say = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def stranger(say: Say) -> AsyncIterator[Peer]:
    """Listen on loopback, and do that to whoever connects, once he has asked."""

    async def serve(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await stream.receive_some(4096)
                await say(stream)
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield Peer("127.0.0.1", listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def silence(_stream: trio.SocketStream) -> None:
    """Take the question, and say nothing."""
    await trio.sleep_forever()


async def dribble(stream: trio.SocketStream) -> None:
    """A byte a moment, for ever: each of them would make who waits for bytes wait anew."""
    while True:
        await stream.send_all(b"H")
        await trio.sleep(0.05)


def saying(data: bytes) -> Say:
    """Say just this, and leave."""

    async def say(stream: trio.SocketStream) -> None:
        await stream.send_all(data)

    return say


def answering(body: bytes, length: int | None = None, status: str = "200 OK", fields: str = "") -> Say:
    """Answer like an HTTP server."""
    size = len(body) if length is None else length
    return saying(f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{fields}\r\n".encode() + body)
