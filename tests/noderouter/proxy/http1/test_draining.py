"""Connections of a router that ends: whose next request is answered, and for how long it may come."""

import trio

from noderouter.proxy.http1.server import DRAIN_IDLE_SECONDS
from noderouter.reactor.task import sleep
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def fine(peer: Peer) -> None:
    """Answer each request."""
    while await peer.more():
        await peer.head()
        await peer.send(OK)


async def test_connections_drain():
    release = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await release.wait()
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        busy, idle = await client(p.port), await client(p.port)
        await busy.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: server.peers and len(p.listener.connections) == 2)
        p.listener.drain()
        release.set()
        answered = await busy.rest()
        assert b"connection: close\r\n" in answered
        assert answered.endswith(b"ok")
        assert await idle.rest() == b""
        await until(p.listener.empty.is_set)


async def test_who_was_told_that_the_connection_goes_on_may_ask_once_more_while_it_drains():
    release = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        await release.wait()
        await peer.send(b"67890")
        await peer.head()
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        asks, leaves = await client(p.port), await client(p.port)
        for peer in (asks, leaves):
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"connection: close" not in (await peer.until(b"12345")).lower()
        p.listener.drain()
        release.set()
        assert await asks.exactly(5) == await leaves.exactly(5) == b"67890"
        await asks.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answered = await asks.rest()
        assert b"connection: close\r\n" in answered
        assert answered.endswith(b"ok")
        assert await leaves.rest() == b""
        await until(p.listener.empty.is_set)


async def test_a_head_that_has_begun_to_come_is_waited_for_while_it_drains():
    async with origin(fine) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost")
        await until(lambda: p.listener.connections)
        (connection,) = p.listener.connections
        await until(lambda: connection._partial)
        p.listener.drain()
        task = p.loop.reactor.spawn(connection._end_if_idle(), "drain")
        await p.loop.run(sleep(DRAIN_IDLE_SECONDS))  # which began later than its own
        assert not task.done
        await peer.send(b": x\r\n\r\n")
        answered = await peer.rest()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close\r\n" in answered
        await until(p.listener.empty.is_set)


async def test_who_leaves_within_a_head_leaves_nothing_that_waits():
    async with origin(fine) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost")
        await until(lambda: p.listener.connections)
        (connection,) = p.listener.connections
        await until(lambda: connection._partial)
        p.listener.drain()
        await peer.close()
        await until(p.listener.empty.is_set)
        with trio.fail_after(PATIENCE_SECONDS):
            await p.loop.run(connection._end_if_idle())
