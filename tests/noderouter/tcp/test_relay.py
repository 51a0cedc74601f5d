"""Tunnels: bytes, half-close, resets, back-pressure, idleness, cancellation, descriptors."""

import errno
import hashlib
import os
import random
import socket
from contextlib import AsyncExitStack

import pytest
import trio

from noderouter.reactor.errors import WireError
from noderouter.reactor.wire import Wire
from noderouter.tcp.direction import TURN_BYTES, Direction
from noderouter.tcp.errors import TunnelIdle
from noderouter.tcp.pipes import PIPE_BYTES, Pipes
from tests.noderouter.tcp.tunnel import ends, read, read_all, tunnel
from tests.testing.loop import descriptors, looping, until

MB = 1 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes in which a piece that is missing, doubled or moved shows."""
    return random.Random(seed).randbytes(size)


async def test_bytes_go_both_ways_and_are_counted():
    async with looping() as loop, tunnel(loop) as it:
        await it.client.send_all(b"question")
        assert await read(it.server, 8) == b"question"
        await it.server.send_all(b"answer")
        assert await read(it.client, 6) == b"answer"
        await it.client.send_eof()
        assert await it.server.receive_some() == b""
        await it.server.send_eof()
        assert await it.client.receive_some() == b""
        await it.end()
        assert it.error is None
        assert (it.relay.bytes_right, it.relay.bytes_left) == (8, 6)


async def test_early_bytes_come_first_and_count():
    async with looping() as loop, tunnel(loop, early=b"early ") as it:
        await it.server.send_all(b"late")
        assert await read(it.client, 10) == b"early late"
        assert it.relay.bytes_left == 10


async def test_early_bytes_that_do_not_fit_are_not_lost():
    early = noise(4 * MB)
    async with looping() as loop, tunnel(loop, early=early, buffer_bytes=4096) as it:
        await it.server.send_all(b"behind")
        assert await read(it.client, len(early) + 6) == early + b"behind"


@pytest.mark.parametrize("first", ["client", "server"])
async def test_half_close_leaves_the_other_direction(first: str):
    async with looping() as loop, tunnel(loop) as it:
        one, other = (it.client, it.server) if first == "client" else (it.server, it.client)
        await one.send_all(b"all I have")
        await one.send_eof()
        assert await read_all(other) == b"all I have"
        big = noise(3 * MB)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other.send_all, big)
            assert await read(one, len(big)) == big
        await other.send_all(b"still")
        assert await read(one, 5) == b"still"
        assert not it.task.done
        await other.send_eof()
        assert await read_all(one) == b""
        await it.end()
        assert it.error is None


async def test_both_ends_at_once():
    async with looping() as loop, tunnel(loop) as it:
        await it.client.send_all(b"a")
        await it.client.send_eof()
        await it.server.send_all(b"b")
        await it.server.send_eof()
        assert await read_all(it.server) == b"a"
        assert await read_all(it.client) == b"b"
        await it.end()
        assert it.error is None


async def test_an_end_behind_a_stream_comes_behind_its_last_byte():
    data = noise(5 * MB + 17)
    async with looping() as loop, tunnel(loop) as it:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                await it.client.send_all(data)
                await it.client.send_eof()

            nursery.start_soon(send)
            assert await read_all(it.server) == data


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("after", ["nothing", "its own end", "the other's end"])
async def test_a_reset_is_carried_on_as_a_reset(who: str, after: str):
    async with looping() as loop, tunnel(loop) as it:
        one, other = (it.client, it.server) if who == "client" else (it.server, it.client)
        await one.send_all(b"x")
        assert await read(other, 1) == b"x"
        if after == "its own end":
            await one.send_eof()
            assert await other.receive_some() == b""
        elif after == "the other's end":
            await other.send_eof()
            assert await one.receive_some() == b""
        it.reset(one)
        await it.end()
        assert isinstance(it.error, WireError)
        assert not isinstance(it.error, TunnelIdle)
        assert it.relay.broken is (it.relay.left if who == "client" else it.relay.right)
        await until(lambda: other.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


@pytest.mark.parametrize("who", ["client", "server"])
async def test_a_side_that_dies_while_the_other_does_not_read_is_seen(who: str):
    async with looping() as loop, tunnel(loop) as it:
        one, other = (it.client, it.server) if who == "client" else (it.server, it.client)
        forth = it.relay._rightward if who == "client" else it.relay._leftward
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
                    await one.send_all(bytes(64 * MB))

            nursery.start_soon(send)
            await until(lambda: forth.blocked)
            it.reset(one)
        await it.end()
        assert it.error is not None
        with pytest.raises(trio.BrokenResourceError):
            await read_all(other)


async def test_what_came_before_a_reset_is_passed_on():
    """A server that answers and closes with unread bytes resets; its answer had arrived."""
    async with looping() as loop, tunnel(loop) as it:
        loop.reactor._turning = True  # hold the loop: answer and reset are to be seen together
        await it.client.send_all(b"more than is read")
        await it.server.send_all(b"answer")
        it.reset(it.server)
        loop.reactor._turning = False
        await it.end()
        assert it.error is not None
        assert it.relay.bytes_left == 6


async def test_a_reader_who_stands_still_stops_the_sender_and_bounds_what_is_kept():
    data = noise(64 * MB)
    async with looping() as loop, tunnel(loop, buffer_bytes=16384) as it:
        async with trio.open_nursery() as nursery:
            for one in (it.client, it.server):
                nursery.start_soon(one.send_all, data)
            directions = (it.relay._leftward, it.relay._rightward)
            await until(lambda: all(each.blocked for each in directions))
            turns = -1
            while turns != loop.reactor.turns:  # until nothing moves any more
                turns = loop.reactor.turns
                await trio.sleep(0.05)
            assert all(len(each.rest) + each.spliced <= PIPE_BYTES for each in directions)
            assert it.relay.bytes_right < 8 * MB
            received = {}

            async def receive(name: str, one: trio.SocketStream) -> None:
                received[name] = await read(one, len(data))

            nursery.start_soon(receive, "client", it.client)
            nursery.start_soon(receive, "server", it.server)
        assert received["client"] == received["server"] == data


async def test_100_mb_each_way_at_the_same_time():
    sent, received = {}, {}

    async def send(name: str, one: trio.SocketStream) -> None:
        dice = random.Random(name)
        digest = hashlib.blake2b()
        left = 100 * MB
        while left:
            piece = dice.randbytes(min(left, dice.choice((100, 5000, 70_000, 900_000))))
            digest.update(piece)
            left -= len(piece)
            await one.send_all(piece)
        await one.send_eof()
        sent[name] = digest.digest()

    async def receive(name: str, one: trio.SocketStream) -> None:
        digest = hashlib.blake2b()
        while piece := await one.receive_some(300_000):
            digest.update(piece)
        received[name] = digest.digest()

    async with looping() as loop, tunnel(loop) as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, "right", it.client)
            nursery.start_soon(receive, "right", it.server)
            nursery.start_soon(send, "left", it.server)
            nursery.start_soon(receive, "left", it.client)
        await it.end()
        assert it.error is None
        assert sent == received
        assert it.relay.bytes_left == it.relay.bytes_right == 100 * MB


async def test_single_bytes():
    data = noise(3000)
    async with looping() as loop, tunnel(loop) as it:
        for byte in data:
            await it.client.send_all(bytes([byte]))
        assert await read(it.server, len(data)) == data


async def urgent(stream: trio.SocketStream) -> bytes:
    """The urgent byte, once the kernel knows that there is one."""
    with trio.fail_after(5):
        while True:
            try:
                return await stream.socket.recv(1, socket.MSG_OOB)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            await trio.sleep(0.001)


async def test_urgent_data_stays_urgent_and_stands_where_it_stood():
    """As an Oracle client breaks off a query, or Telnet and FTP do."""
    async with looping() as loop, tunnel(loop) as it:
        for number in range(50):
            loop.reactor._turning = True  # hold the loop: all of it is to be there at once
            await it.client.send_all(b"before")
            await it.client.socket.send(bytes([number]), socket.MSG_OOB)
            await it.client.send_all(b"behind")
            loop.reactor._turning = False
            assert await read(it.server, 6) == b"before"
            assert await urgent(it.server) == bytes([number])
            assert await read(it.server, 6) == b"behind"
        await it.server.send_all(b"answer")
        assert await read(it.client, 6) == b"answer"
        assert it.relay.bytes_right == 50 * 13


async def test_urgent_data_within_a_stream():
    data = noise(3 * MB)
    async with looping() as loop, tunnel(loop) as it:

        async def send() -> None:
            await it.client.send_all(data)
            await it.client.socket.send(b"!", socket.MSG_OOB)
            await it.client.send_all(data)
            await it.client.send_eof()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await read(it.server, len(data)) == data
            assert await urgent(it.server) == b"!"
            assert await read_all(it.server) == data
        await it.server.send_eof()
        await it.end()
        assert it.error is None


async def test_urgent_data_for_a_reader_who_stands_still_waits():
    async with looping() as loop, tunnel(loop, buffer_bytes=4096) as it:
        size = 0
        it.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with trio.move_on_after(0.3):
            while True:
                size += await it.client.socket.send(bytes(4096))
        await until(lambda: it.relay._rightward.blocked)

        async def urge() -> None:
            await it.client.socket.send(b"!", socket.MSG_OOB)
            await it.client.send_all(b"behind")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(urge)
            assert await read(it.server, size) == bytes(size)
            assert await urgent(it.server) == b"!"
            assert await read(it.server, 6) == b"behind"


async def test_a_tunnel_on_which_nothing_moves_ends_with_a_reset():
    async with looping() as loop, tunnel(loop, idle=0.1) as it:
        await it.end()
        assert isinstance(it.error, TunnelIdle)
        for one in (it.client, it.server):
            with pytest.raises(trio.BrokenResourceError):
                await one.receive_some()


@pytest.mark.parametrize("who", ["client", "server"])
async def test_either_direction_keeps_a_tunnel_alive(who: str):
    async with looping() as loop, tunnel(loop, idle=0.3) as it:
        one, other = (it.client, it.server) if who == "client" else (it.server, it.client)
        start = trio.current_time()
        while trio.current_time() - start < 1.0:
            await one.send_all(b"x")
            await read(other, 1)
            await trio.sleep(0.02)
        assert not it.task.done
        await it.end()
        assert isinstance(it.error, TunnelIdle)


async def test_a_reader_who_stands_still_is_idle_too():
    async with looping() as loop, tunnel(loop, idle=0.3) as it:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await it.client.send_all(bytes(64 * MB))

            nursery.start_soon(send)
            await it.end()
        assert isinstance(it.error, TunnelIdle)


async def test_a_half_closed_tunnel_is_idle_too():
    async with looping() as loop, tunnel(loop, idle=0.2) as it:
        await it.client.send_eof()
        assert await it.server.receive_some() == b""
        await it.end()
        assert isinstance(it.error, TunnelIdle)


async def test_a_peer_that_vanished_is_an_error_in_the_kernels_words():
    """TCP_USER_TIMEOUT instead of 15 minutes; the bytes find nobody because the peer's window is shut."""
    async with looping() as loop, tunnel(loop, buffer_bytes=4096) as it:
        it.relay.right.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await it.client.send_all(bytes(64 * MB))

            nursery.start_soon(send)
            await it.end(20.0)
        assert it.error is not None
        assert it.error.errno == 110
        assert it.relay.broken is it.relay.right


@pytest.mark.parametrize("state", ["idle", "streaming"])
async def test_cancelling_resets_both(state: str):
    async with looping() as loop, tunnel(loop) as it:
        async with trio.open_nursery() as nursery:
            if state == "streaming":

                async def send() -> None:
                    with pytest.raises(trio.BrokenResourceError):
                        await it.client.send_all(bytes(64 * MB))

                nursery.start_soon(send)
                await until(lambda: it.relay._rightward.blocked)
            else:
                await it.client.send_all(b"x")
                assert await read(it.server, 1) == b"x"
            it.task.cancel("draining")
            await it.end()
        with pytest.raises(trio.BrokenResourceError):
            await read_all(it.server)


async def test_a_wire_that_is_closed_here_ends_the_tunnel():
    async with looping() as loop, tunnel(loop) as it:
        await it.client.send_all(b"x")
        assert await read(it.server, 1) == b"x"
        it.relay.left.close()
        await it.end()
        assert it.error is not None
        with pytest.raises(trio.BrokenResourceError):
            await it.server.receive_some()


async def test_a_thousand_idle_tunnels_hold_two_descriptors_each():
    pipes = Pipes()
    async with looping() as loop, AsyncExitStack() as stack:
        before = descriptors()
        them = [await stack.enter_async_context(tunnel(loop, pipes=pipes)) for _ in range(1000)]
        opened = descriptors() - before
        assert opened == 4000  # client, server and both wires
        data = noise(MB)
        for it in them[::50]:  # streams, one after the other, and idle again
            async with trio.open_nursery() as nursery:
                nursery.start_soon(it.client.send_all, data)
                assert await read(it.server, MB) == data
        assert pipes.lent == 0
        assert descriptors() - before - opened <= 2 * pipes.kept
    pipes.close()


@pytest.mark.parametrize("why", ["no descriptors", "none left to lend", "too small"])
async def test_without_pipes_bytes_are_copied(why: str, monkeypatch: pytest.MonkeyPatch):
    pipes = Pipes(limit=0 if why == "none left to lend" else 8, least=1 << 40 if why == "too small" else 4096)

    def refuse(*args: int, **more: int) -> int:
        raise OSError(24, "Too many open files")

    if why == "no descriptors":
        monkeypatch.setattr(os, "pipe2", refuse)
    monkeypatch.setattr(os, "splice", refuse)
    data = noise(10 * MB)
    before = descriptors()
    async with looping() as loop, tunnel(loop, pipes=pipes) as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.client.send_all, data)
            assert await read(it.server, len(data)) == data
        assert pipes.lent == 0
    pipes.close()
    assert descriptors() <= before


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("which", [1, 2, 3, 4])
async def test_where_the_kernel_does_not_splice_bytes_are_copied(
    number: int, which: int, monkeypatch: pytest.MonkeyPatch
):
    """The call with that number is the first that is refused: into the pipe, or out of it."""
    splice, calls = os.splice, []

    def refuse(*args: int, **more: int) -> int:
        calls.append(args)
        if len(calls) >= which:
            raise OSError(number, os.strerror(number))
        return splice(*args, **more)

    monkeypatch.setattr(os, "splice", refuse)
    data = noise(10 * MB)
    async with looping() as loop, tunnel(loop) as it:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.client.send_all, data)
            assert await read(it.server, len(data)) == data
        assert len(calls) == which
        assert repr(it.pipes) == "<Pipes 0 lent, 0 idle>"


async def test_what_is_left_in_a_pipe_comes_out_in_no_other_tunnel():
    pipes = Pipes(limit=1)
    async with looping() as loop:
        async with tunnel(loop, pipes=pipes) as it, trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await it.client.send_all(b"secret" * 10 * MB)

            nursery.start_soon(send)
            await until(lambda: it.relay._rightward.spliced)
            it.task.cancel("cut off")
            await it.end()
        assert pipes.lent == 0
        data = noise(4 * MB)
        async with tunnel(loop, pipes=pipes) as it, trio.open_nursery() as nursery:
            nursery.start_soon(it.client.send_all, data)
            assert await read(it.server, len(data)) == data
    pipes.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for buffers of the kernel that hold more than a turn")
async def test_a_turn_ends_with_more_to_read():
    async with looping() as loop:
        (client, left), (server, right) = ends(), ends()
        for sock in (client, right):
            sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 64 * MB)
        for sock in (left, server):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * MB)
        direction = Direction(Wire(loop.reactor, left), Wire(loop.reactor, right), Pipes(kept=0))
        client.setblocking(True)
        client.sendall(bytes(4 * MB))
        await until(lambda: direction.source.readable and direction.target.writable)
        turns = []
        while direction.pump():
            turns.append(direction.moved)
        assert len(turns) > 1
        assert TURN_BYTES <= turns[0] < TURN_BYTES + PIPE_BYTES
        assert direction.moved == 4 * MB
        for sock in (client, server):
            sock.close()
        for wire in (direction.source, direction.target):
            wire.close()


async def test_a_stream_goes_through_a_pipe_and_small_messages_do_not(monkeypatch: pytest.MonkeyPatch):
    spliced = []
    splice = os.splice

    def watch(*args: int, **more: int) -> int:
        size = splice(*args, **more)
        spliced.append(size)
        return size

    monkeypatch.setattr(os, "splice", watch)
    async with looping() as loop, tunnel(loop) as it:
        for _ in range(20):
            await it.client.send_all(bytes(4000))
            await read(it.server, 4000)
        assert not spliced
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.client.send_all, bytes(8 * MB))
            await read(it.server, 8 * MB)
        assert sum(spliced) > 8 * MB  # in and out again, for more than half of all
        await until(lambda: it.pipes.lent == 0)
        spliced.clear()
        for _ in range(20):
            await it.client.send_all(bytes(4000))
            await read(it.server, 4000)
        assert len(spliced) <= 4


async def test_others_get_their_turn_beside_a_stream():
    async with looping() as loop, tunnel(loop) as busy, tunnel(loop) as other:
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                while True:
                    await busy.client.send_all(bytes(MB))

            async def sink() -> None:
                while True:
                    await busy.server.receive_some(MB)

            nursery.start_soon(flood)
            nursery.start_soon(sink)
            await until(lambda: busy.relay.bytes_right > 4 * TURN_BYTES)
            for _ in range(50):
                before = busy.relay.bytes_right
                await other.client.send_all(b"ping")
                assert await read(other.server, 4) == b"ping"
                assert busy.relay.bytes_right - before < 256 * TURN_BYTES
            nursery.cancel_scope.cancel()
