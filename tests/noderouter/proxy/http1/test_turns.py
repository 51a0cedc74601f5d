"""How much one connection does before others get their turn: chunks of a body, requests that are pipelined. Counted."""

import os
import socket
from itertools import pairwise

import pytest

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.http1.body import StreamBody
from noderouter.proxy.http1.chunked import CHUNKS_PER_CALL
from noderouter.proxy.http1.server import PIPELINED_TURN
from noderouter.reactor import loop as module
from noderouter.reactor.task import reschedule
from noderouter.reactor.wire import BULK_BYTES, Wire
from tests.testing.loop import finished, looping, until
from tests.testing.origin import client
from tests.testing.proxy import proxy


@pytest.fixture(autouse=True)
def _no_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"0001\r\nx\r\n", b"1;a\r\nx\r\n"])
@pytest.mark.parametrize("received", [False, True])
async def test_a_body_of_tiny_chunks_is_read_in_small_steps(chunk: bytes, received: bool) -> None:
    """Others are stepped between some of them and the next, although all are here."""
    data = chunk * (12_000 // len(chunk)) + b"0\r\n\r\n"
    seen: list[int] = []
    async with looping() as loop:
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        wire = Wire(loop.reactor, ours)
        body = StreamBody(wire, CHUNKED, data if received else b"")
        assert received or (len(data) < BULK_BYTES and peer.send(data) == len(data))

        async def read() -> None:
            while await body.read():
                pass

        async def other() -> None:
            while not body.done:
                seen.append(body.read_bytes)
                await reschedule()

        for task in [loop.reactor.spawn(other(), "other"), loop.reactor.spawn(read(), "read")]:
            await finished(task)
        wire.close()
        peer.close()
    assert body.read_bytes == 12_000 // len(chunk)
    steps = sorted(after - before for before, after in pairwise([*seen, body.read_bytes]))
    assert steps[-1] <= 2 * CHUNKS_PER_CALL  # its first step, and its first of bulk
    assert steps[-2] <= CHUNKS_PER_CALL


async def test_an_end_behind_tiny_chunks_is_behind_the_requests_that_follow_them() -> None:
    """A client that has finished: that is passed on behind its last request, not behind one whose chunks wait here."""
    half_closed: list[bool] = []

    async def service(exchange: Exchange) -> None:
        while exchange.body.data is None and await exchange.body.read():
            await reschedule()
            await reschedule()
        half_closed.append(exchange.half_closed)
        exchange.reply.begin(Response(200, b"OK", Headers(), 2), b"ok")

    async with proxy(service=service) as p:
        peer = await client(p.port)
        post = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await until(lambda: p.listener.connections)
        sock = peer.stream.socket  # both at once, before the reactor has its next turn
        os.write(sock.fileno(), post + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert (await peer.rest()).count(b"200 OK") == 2
        assert half_closed == [False, True]


async def test_pipelined_requests_wait_as_bulk() -> None:
    """However many clients do so: behind the first of each, one of them has its turn at a time."""
    answered = 0
    seen: list[int] = []
    clients, requests = 8, 10 * PIPELINED_TURN

    async def service(exchange: Exchange) -> None:
        nonlocal answered
        answered += 1
        exchange.reply.begin(Response(200, b"OK", Headers(), 2), b"ok")

    async with proxy(service=service) as p:

        async def other() -> None:
            while answered < clients * requests:
                seen.append(answered)
                await reschedule()

        peers = [await client(p.port) for _ in range(clients)]
        await until(lambda: len(p.listener.connections) == clients)
        p.loop.reactor.spawn(other(), "other")
        for peer in peers:
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
        await until(lambda: answered == clients * requests)
        for peer in peers:
            await peer.close()
    steps = [after - before for before, after in pairwise([*seen, answered])]
    first = sum(step for step in steps if step > PIPELINED_TURN)
    assert first <= 2 * clients * PIPELINED_TURN, "the first of each, which nobody could foresee, and no more"
