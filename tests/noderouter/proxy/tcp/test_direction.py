"""What goes through pipes and what is copied, descriptors, and turns."""

import errno
import os
import socket
from contextlib import AsyncExitStack

import pytest
import trio

from noderouter.proxy.tcp.direction import TURN_BYTES, Direction
from noderouter.proxy.tcp.pipes import PIPE_BYTES, Pipes
from noderouter.reactor.wire import Wire
from tests.noderouter.proxy.tcp.tunnel import MB, ends, noise, read, tunnel
from tests.testing.loop import descriptors, looping, until

SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


@pytest.mark.slow
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
