"""The end of a client is passed on: the endpoint decides what it means, as it would without a router."""

import pytest
import trio

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.retry.backoff import Constant
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

REQUESTS = [
    GET,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", REQUESTS, ids=["get", "small", "large", "chunked"])
@pytest.mark.parametrize("captured", [None, b"x"], ids=["asked", "captured"])
async def test_the_endpoint_sees_the_end_and_may_still_answer(request_bytes: bytes, captured: bytes | None) -> None:
    """However long it takes: nothing waits for a grace."""
    ended = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.rest()  # the request's body, and the end
        ended.set()
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port, captured=captured) as p:
        peer = await client(p.port)
        await peer.send(request_bytes)
        await peer.finish()
        await ended.wait()
        assert (await peer.rest()).endswith(b"ok")
        await until(lambda: not p.client.pool_stats.connections)  # nobody else gets what cannot be written to


async def test_an_event_stream_ends_with_its_reader() -> None:
    """Nothing is ever sent that would show that the client has gone."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await peer.rest(60)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await peer.until(b"data: 1\n\n")
        await peer.close()
        await until(lambda: not p.client.pool_stats.connections and not p.listener.connections)


async def test_an_endpoint_that_leaves_with_the_client_is_not_to_blame() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        (endpoint,) = p.client.endpoints.values()
        accrual = endpoint.accrual = ConsecutiveFailures(1, Constant(0.0))
        peer = await client(p.port)
        await peer.send(GET)
        await peer.finish()
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        assert not accrual.removals
        assert len(server.peers) == 1
        await peer.close()


async def test_requests_in_a_row_before_the_end_are_all_answered() -> None:
    """The end comes behind the last of them, and belongs to none before."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await trio.testing.wait_all_tasks_blocked()
            await peer.send(OK)
        ends.append(peer)

    ends: list[Peer] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET * 5)
        await peer.finish()
        assert (await peer.rest()).count(b"\r\n\r\nok") == 5
        await until(lambda: ends)


async def test_a_connection_that_was_used_before_is_not_spent_on_a_client_that_has_finished() -> None:
    """Its end could be taken for the answer to the client's."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        first = await client(p.port)
        await first.send(GET)
        await first.until(b"ok")
        second = await client(p.port)
        sock = second.stream.socket._sock
        sock.send(GET)  # both in one event: nothing else runs in between
        sock.shutdown(1)
        assert (await second.rest()).endswith(b"ok")
        assert len(server.peers) == 2
        await first.send(GET)
        await first.until(b"ok")
        assert len(server.peers) == 2
        await first.close()


async def test_a_reset_cancels_at_once() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        seen.set()
        await peer.rest(60)

    seen = trio.Event()
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await seen.wait()
        await peer.finish()
        peer.abort()
        await until(lambda: not p.client.pool_stats.connections and not p.listener.connections)
