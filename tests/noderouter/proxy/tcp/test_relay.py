"""Tunnels: bytes, half-close, resets, back-pressure, idleness, cancellation."""

import hashlib
import random
import socket

import pytest
import trio

from noderouter.proxy.tcp.errors import TunnelIdle
from noderouter.proxy.tcp.pipes import PIPE_BYTES
from noderouter.reactor.errors import WireError
from tests.noderouter.proxy.tcp.tunnel import MB, noise, read, read_all, tunnel
from tests.testing.loop import looping, until


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


@pytest.mark.slow
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


@pytest.mark.slow
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


async def test_a_wire_that_cannot_be_spliced_is_copied_and_is_no_bulk_for_ever():
    """As one that decrypts; what comes behind a large transfer is stepped with everybody's requests again."""
    async with looping() as loop, tunnel(loop) as it:
        forth = it.relay._rightward
        forth._splices = False
        data = bytes(MB)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.client.send_all, data)
            assert await read(it.server, len(data)) == data
        await it.client.send_all(b"little")
        assert await read(it.server, 6) == b"little"
        assert not forth.busy
        assert forth._pipe is None
