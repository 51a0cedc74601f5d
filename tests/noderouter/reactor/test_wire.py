"""Wires: edges, half-close, resets, back-pressure, closing under a waiter; and how they are opened.

Covers `dial.py`.
"""

import socket

import pytest
import trio

from noderouter.reactor.dial import connect
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import GONE, Wire
from tests.testing.loop import Loop, finished, looping, until


def pair(loop: Loop) -> tuple[Wire, socket.socket]:
    """A wire and its peer, connected over loopback TCP."""
    server = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(server.getsockname())
    sock, _ = server.accept()
    server.close()
    sock.setblocking(False)
    return Wire(loop.reactor, sock), peer


async def test_an_edge_that_finds_no_waiter_is_remembered():
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.sendall(b"early")
        await until(lambda: wire.readable)
        turns = loop.reactor.turns
        assert await loop.run(wire.recv()) == b"early"
        assert loop.reactor.turns - turns < 5
        peer.close()
        wire.close()


async def test_data_and_end_that_come_together_are_both_seen():
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.sendall(b"bye")
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: wire.hung_up)
        assert await loop.run(wire.recv()) == b"bye"
        assert await loop.run(wire.recv()) == b""
        assert await loop.run(wire.recv()) == b""
        peer.close()
        wire.close()


async def test_an_end_that_comes_while_waiting_is_seen():
    async with looping() as loop:
        wire, peer = pair(loop)
        result = []

        async def read() -> None:
            result.append(await wire.recv())
            result.append(await wire.recv())

        task = loop.reactor.spawn(read(), "read")
        await until(lambda: wire.reader is task)
        peer.sendall(b"x")
        await until(lambda: result == [b"x"] and wire.reader is task)
        peer.close()
        await finished(task)
        assert result == [b"x", b""]
        wire.close()


async def test_a_read_that_fills_its_buffer_reads_on_without_an_edge():
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.sendall(b"x" * 10_000)
        await until(lambda: wire.readable)

        async def read_all() -> bytes:
            data = b""
            while len(data) < 10_000:
                data += await wire.recv(100)
            return data

        assert await loop.run(read_all()) == b"x" * 10_000
        peer.close()
        wire.close()


async def test_half_close_both_ways():
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.shutdown(socket.SHUT_WR)
        assert await loop.run(wire.recv()) == b""
        await loop.run(wire.send(b"still here"))
        wire.finish()
        with peer.makefile("rb") as stream:
            assert await trio.to_thread.run_sync(stream.read) == b"still here"
        peer.close()
        wire.close()


async def test_a_reset_is_an_error_for_the_reader_and_for_the_writer():
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        peer.close()
        await until(lambda: wire.hung_up & GONE)
        with pytest.raises(WireError):
            await loop.run(wire.recv())
        with pytest.raises(WireError):
            await loop.run(wire.send(b"x"))
        wire.close()


async def test_hangup_is_told_when_nobody_reads():
    async with looping() as loop:
        wire, peer = pair(loop)
        told = []
        wire.on_hangup = told.append
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: told)
        assert not told[0] & GONE
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        peer.close()
        await until(lambda: len(told) == 2)
        assert told[1] & GONE
        wire.close()


async def test_back_pressure():
    async with looping() as loop:
        wire, peer = pair(loop)
        data = bytes(range(256)) * 40_000
        task = loop.reactor.spawn(wire.send(data), "send")
        await until(lambda: wire.writer is task)
        received = bytearray()
        peer.setblocking(False)
        reader = trio.socket.from_stdlib_socket(peer)
        while len(received) < len(data):
            received += await reader.recv(65536)
        await finished(task)
        assert bytes(received) == data
        assert wire.unsent is None
        reader.close()
        wire.close()


async def test_closing_wakes_who_waits():
    async with looping() as loop:
        wire, peer = pair(loop)
        errors = []

        async def read() -> None:
            try:
                await wire.recv()
            except WireError as error:
                errors.append(error)

        async def write() -> None:
            try:
                await wire.send(b"x" * 10_000_000)
            except WireError as error:
                errors.append(error)

        tasks = [loop.reactor.spawn(read(), "read"), loop.reactor.spawn(write(), "write")]
        await until(lambda: wire.reader is tasks[0] and wire.writer is tasks[1])
        wire.close()
        for task in tasks:
            await finished(task)
        assert len(errors) == 2
        wire.close()
        peer.close()


async def test_cancelling_a_wait_leaves_no_trace_on_the_wire():
    async with looping() as loop:
        wire, peer = pair(loop)
        tasks = [loop.reactor.spawn(wire.recv(), "read"), loop.reactor.spawn(wire.send(b"x" * 10_000_000), "write")]
        await until(lambda: wire.reader is not None and wire.writer is not None)
        for task in tasks:
            task.cancel("test")
            await finished(task)
        assert wire.reader is None
        assert wire.writer is None
        peer.sendall(b"after")
        assert await loop.run(wire.recv()) == b"after"
        peer.close()
        wire.close()


async def test_connect_and_its_failures():
    async with looping() as loop:
        server = socket.create_server(("127.0.0.1", 0))
        wire = await loop.run(connect(loop.reactor, *server.getsockname()))
        assert not wire.hung_up
        wire.close()
        port = server.getsockname()[1]
        server.close()
        with pytest.raises(WireError, match="refused"):
            await loop.run(connect(loop.reactor, "127.0.0.1", port))


async def test_connect_can_time_out():
    async with looping() as loop:
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = []
        for _ in range(4):  # fill the backlog: further SYNs are dropped
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)

        async def attempt() -> bool:
            with Timeout(0.2) as scope:
                (await connect(loop.reactor, *server.getsockname())).close()
            return scope.expired

        assert await loop.run(attempt())
        for sock in [server, *fillers]:
            sock.close()


async def test_a_descriptor_that_is_used_again_gets_no_events_of_the_old_one():
    """Within one batch: the first wire's task closes the second, and a new socket gets its number."""
    async with looping() as loop:
        first, first_peer = pair(loop)
        second, second_peer = pair(loop)
        opened: list[Wire] = []
        extra: list[socket.socket] = []

        async def swap() -> None:
            await first.recv()
            second.close()
            left, right = socket.socketpair()
            left.setblocking(False)
            extra.append(right)
            opened.append(Wire(loop.reactor, left))

        task = loop.reactor.spawn(swap(), "swap")
        await until(lambda: first.reader is task)
        second_peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        first_peer.sendall(b"go")
        second_peer.close()
        await finished(task)
        assert opened[0].fd != second.fd
        assert not opened[0].hung_up
        for closable in (first, opened[0], first_peer, extra[0]):
            closable.close()
