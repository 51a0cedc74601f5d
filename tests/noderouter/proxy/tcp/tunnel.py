"""A tunnel for a test: a client, a relay, a server, all on real sockets."""

import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from noderouter.proxy.tcp.pipes import Pipes
from noderouter.proxy.tcp.relay import Relay
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task
from noderouter.reactor.wire import Wire
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import Loop, finished

MB = 1 << 20
NO_LINGER = struct.pack("ii", 1, 0)


def ends(buffer_bytes: int = 0) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over loopback; `buffer_bytes` makes the kernel's buffers of the first small."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.socket()
        if buffer_bytes:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        peer.connect(listening.getsockname())
        sock, _ = listening.accept()
    for each in (peer, sock):
        each.setblocking(False)
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if buffer_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    return peer, sock


@dataclass(slots=True)
class Tunnel:
    """What a test has of it. `error` is what the relay ended with, once `task` is done."""

    client: trio.SocketStream
    server: trio.SocketStream
    relay: Relay
    pipes: Pipes
    task: Task
    error: WireError | None = None

    def reset(self, side: trio.SocketStream) -> None:
        """Have that side vanish with RST."""
        side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        side.socket.close()

    async def end(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the relay has ended."""
        await finished(self.task, seconds)


@asynccontextmanager
async def tunnel(
    loop: Loop, *, idle: float = 60.0, early: bytes = b"", pipes: Pipes | None = None, buffer_bytes: int = 0
) -> AsyncIterator[Tunnel]:
    """A running tunnel; at its end nothing of it may be left: no name in a wire, no pipe that is lent.

    `pipes` are the caller's to close.
    """
    client, left_sock = ends(buffer_bytes)
    server, right_sock = ends(buffer_bytes)
    left, right = Wire(loop.reactor, left_sock), Wire(loop.reactor, right_sock)
    own = Pipes()
    pipes = pipes or own
    relay = Relay(left, right, idle, pipes=pipes)

    async def run() -> None:
        try:
            await relay.run(early)
        except WireError as error:
            it.error = error
        finally:
            left.close()
            right.close()

    task = loop.reactor.spawn(run(), "tunnel")
    streams = [trio.SocketStream(trio.socket.from_stdlib_socket(sock)) for sock in (client, server)]
    it = Tunnel(streams[0], streams[1], relay, pipes, task)
    try:
        yield it
    finally:
        for stream in streams:
            stream.socket.close()
        task.cancel("end of the test")
        with trio.CancelScope(shield=True):
            await finished(task)
        assert all(wire.reader is None and wire.writer is None for wire in (left, right))
        assert pipes.lent == 0
        own.close()


async def read_all(stream: trio.SocketStream) -> bytes:
    """Everything up to the end; raises `trio.BrokenResourceError` where it is a reset."""
    data = bytearray()
    while piece := await stream.receive_some(65536):
        data += piece
    return bytes(data)


async def read(stream: trio.SocketStream, size: int) -> bytes:
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    return bytes(data)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes in which a piece that is missing, doubled or moved shows."""
    return random.Random(seed).randbytes(size)
