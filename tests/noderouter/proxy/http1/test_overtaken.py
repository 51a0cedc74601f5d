"""A request or a response that comes while its connection is being ended for want of it: it counts.

Bytes are put into sockets, and the connections looked at, without a turn of the reactor in between.
"""

import os
from functools import partial

import trio
import trio.testing

from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(peer: Peer) -> None:
    """Say 200 to everything."""
    while await peer.more():
        await peer.head()
        await peer.send(OK)


async def answer_later(heard: trio.Event, peer: Peer) -> None:
    """Leave the first request to the test, and say 200 to all others."""
    await peer.head()
    heard.set()
    await answer(peer)


def put(peer: Peer, data: bytes) -> None:
    """Send now."""
    assert os.write(peer.stream.socket.fileno(), data) == len(data)


async def asks(peer: Peer) -> None:
    """It gets its answer."""
    assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
    assert await peer.exactly(2) == b"ok"


async def test_a_request_on_a_connection_that_has_been_idle_for_too_long_is_answered() -> None:
    async with origin(answer) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await asks(peer)
        await trio.testing.wait_all_tasks_blocked()
        put(peer, GET)
        p.later(601)
        await asks(peer)
        assert p.stats.idle_closes == 0
        await trio.testing.wait_all_tasks_blocked()
        p.later(601)
        assert await peer.rest() == b""
        assert p.stats.idle_closes == 1


async def test_a_response_that_comes_at_its_time_limit_is_delivered_and_the_connection_goes_on() -> None:
    heard = trio.Event()
    async with origin(partial(answer_later, heard)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await heard.wait()
        await trio.testing.wait_all_tasks_blocked()
        put(server.peers[0], OK)
        p.later(301)
        await asks(peer)
        assert p.client.stalls == 0
        await peer.send(GET)
        await asks(peer)
        await peer.close()


async def test_what_is_late_for_one_request_does_not_end_the_next() -> None:
    """Requests are pipelined: when the first is answered the second is on its way at once."""
    heard = trio.Event()
    async with origin(partial(answer_later, heard)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET * 2)
        await heard.wait()
        await trio.testing.wait_all_tasks_blocked()
        put(server.peers[0], OK)
        p.later(301)
        await asks(peer)
        await asks(peer)
        await peer.close()
