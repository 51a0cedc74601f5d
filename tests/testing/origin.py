"""A scripted origin server and a raw client: trio sockets that say exactly the bytes a test wants."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, TypeVar

import trio

from tests.testing.busy import PATIENCE_SECONDS

P = TypeVar("P")
Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection, read and written byte by byte."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        """Send all."""
        await self.stream.send_all(data)

    async def until(self, end: bytes, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read up to and including `end`."""
        with trio.fail_after(seconds):
            while end not in self.buffer:
                more = await self.stream.receive_some(65536)
                assert more, f"closed before {end!r}; got {self.buffer!r}"
                self.buffer += more
        head, _, self.buffer = self.buffer.partition(end)
        return head + end

    async def exactly(self, count: int, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read `count` bytes."""
        with trio.fail_after(seconds):
            data = bytearray(self.buffer)
            while len(data) < count:
                more = await self.stream.receive_some(65536)
                assert more, f"closed after {len(data)} of {count} bytes"
                data += more
        self.buffer = bytes(data[count:])
        return bytes(data[:count])

    async def rest(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read to the end of the connection; a reset ends it too (`reset` tells).

        A client is closed then; an origin's script may go on writing.
        """
        data, self.buffer = self.buffer, b""
        with trio.fail_after(seconds):
            try:
                while more := await self.stream.receive_some(65536):
                    data += more
            except trio.BrokenResourceError:
                self.reset = True
        if self.is_client:
            await trio.aclose_forcefully(self.stream)
        return data

    reset = False
    is_client = False

    async def more(self) -> bool:
        """Wait until something comes; False when the peer has closed instead."""
        if not self.buffer:
            self.buffer = await self.stream.receive_some(65536)
        return bool(self.buffer)

    async def head(self) -> bytes:
        """Read a message head."""
        return await self.until(b"\r\n\r\n")

    async def finish(self) -> None:
        """Half-close."""
        await self.stream.send_eof()

    def send_and_finish(self, data: bytes) -> None:
        """Send a little and half-close in one step: who is hosted by this thread's trio reads them together."""
        sock = self.stream.socket
        assert os.write(sock.fileno(), data) == len(data)
        sock.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Close with RST."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.stream.socket.close()

    async def close(self) -> None:
        """Close."""
        await self.stream.aclose()


class Origin(Generic[P]):
    """A server that runs one script per connection, with its peer; `port` is where it listens."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.peers: list[P] = []


@asynccontextmanager
async def serving(
    script: Callable[[P], Awaitable[None]],
    accept: Callable[[trio.SocketStream], P],
    listening: socket.socket | None = None,
) -> AsyncIterator[Origin[P]]:
    """A server while inside; `accept` makes the peer of a connection. `listening` is its socket, if not a new one."""
    async with trio.open_nursery() as nursery:
        if listening is None:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        else:
            listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listening))]
        server = Origin[P](listeners[0].socket.getsockname()[1])

        async def handle(stream: trio.SocketStream) -> None:
            peer = accept(stream)
            server.peers.append(peer)
            try:
                await script(peer)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                await trio.aclose_forcefully(stream)

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield server
        nursery.cancel_scope.cancel()


def origin(script: Script) -> AbstractAsyncContextManager[Origin[Peer]]:
    """A listening origin while inside."""
    return serving(script, Peer)


async def client(port: int, host: str = "127.0.0.1") -> Peer:
    """A raw client connection."""
    peer = Peer(await trio.open_tcp_stream(host, port))
    peer.is_client = True
    return peer
