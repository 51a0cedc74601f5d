"""A full pool: who waits is served in order, and gets what may be used for it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from noderouter.core.errors import ConnectError
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.http1.upstream import IDLE, UpstreamConnection, connect_http1
from noderouter.reactor.task import Task
from tests.testing.loop import Loop, looping, until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import Proxy, proxy
from tests.testing.reply import make_exchange

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ONE = PoolSettings(max_size=1)


def get(what: bytes) -> bytes:
    return b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % what


class Queue:
    """A pool of one, its only connection in use, and tasks that wait for it."""

    def __init__(self, loop: Loop, pool: Pool, first: UpstreamConnection, stats: PoolStats) -> None:
        self.pool = pool
        self.first = first
        self.stats = stats
        self.tasks: list[Task] = []
        self.got: list[tuple[int, UpstreamConnection]] = []
        self.failed: list[ConnectError] = []
        self._loop = loop

    async def join(self, count: int, *, tunnel: bool = False) -> None:
        """Have so many more wait."""
        for _ in range(count):
            self.tasks.append(self._loop.reactor.spawn(self._one(len(self.tasks), tunnel), "waiter"))
            await until(lambda: self.stats.waiters == len(self.tasks))

    async def _one(self, number: int, tunnel: bool) -> None:
        exchange = make_exchange()
        exchange.tunnel = tunnel
        try:
            self.got.append((number, await self.pool.open(exchange)))
        except ConnectError as error:
            self.failed.append(error)

    def give(self) -> None:
        """Give the connection back after an exchange that went well."""
        self.first._state = IDLE
        self.pool.give(self.first, 0.0)


@asynccontextmanager
async def queue() -> AsyncIterator[Queue]:
    async with looping() as loop:
        with socket.create_server(("127.0.0.1", 0)) as server:
            stats = PoolStats()
            pool = Pool(loop.reactor, *server.getsockname(), ONE, stats, connect_http1)
            made = Queue(loop, pool, await loop.run(pool.open(None)), stats)
            yield made
            assert stats.waiters == 0
            for connection in {each for _, each in made.got}:
                pool.discard(connection)
            pool.close()
            assert stats.connections == pool.size == 0


async def test_it_is_handed_to_whoever_has_waited_for_longest() -> None:
    async with queue() as waiting:
        await waiting.join(3)
        for served in range(3):
            waiting.give()
            assert waiting.pool.take() is None  # nobody else gets it meanwhile
            await until(lambda: len(waiting.got) > served)
        assert waiting.got == [(number, waiting.first) for number in range(3)]
        assert waiting.stats.connects == 1


async def test_a_place_goes_to_whoever_has_waited_for_longest() -> None:
    async with queue() as waiting:
        await waiting.join(2)
        waiting.pool.discard(waiting.first)
        assert waiting.pool.size == 1
        await until(lambda: waiting.got)
        waiting.pool.discard(waiting.got[0][1])
        await until(lambda: len(waiting.got) == 2)
        assert [number for number, _ in waiting.got] == [0, 1]
        assert waiting.stats.connects == 3
        waiting.got.pop(0)


@pytest.mark.parametrize("with_it", ["connection", "place"])
async def test_who_leaves_passes_on_what_it_was_given(with_it: str) -> None:
    async with queue() as waiting:
        await waiting.join(4)
        waiting.tasks[1].cancel("gone")
        await until(lambda: waiting.tasks[1].done)
        if with_it == "connection":
            waiting.give()
        else:
            waiting.pool.discard(waiting.first)
        waiting.tasks[0].cancel("gone")  # it has it, but not been told yet
        await until(lambda: waiting.got)
        assert waiting.got[0][0] == 2
        assert waiting.stats.connects == (1 if with_it == "connection" else 2)
        waiting.tasks[3].cancel("gone")
        await until(lambda: waiting.tasks[3].done)


@pytest.mark.parametrize("with_it", ["connection", "place", "nothing"])
async def test_an_endpoint_that_is_removed_lets_go_of_everybody(with_it: str) -> None:
    async with queue() as waiting:
        await waiting.join(2)
        if with_it == "connection":
            waiting.give()
        elif with_it == "place":
            waiting.pool.discard(waiting.first)
        waiting.pool.close()
        await until(lambda: len(waiting.failed) == 2)
        if with_it == "nothing":
            assert waiting.pool.size == 1
            waiting.give()


async def test_what_died_on_its_way_to_whoever_waits_is_replaced() -> None:
    async with queue() as waiting:
        await waiting.join(1)
        waiting.give()
        waiting.first.wire.sock.shutdown(socket.SHUT_RD)  # as if the endpoint had closed
        waiting.first.wire.hung_up = 1
        await until(lambda: waiting.got)
        assert waiting.got[0][1] is not waiting.first
        assert waiting.stats.connects == 2
        assert waiting.stats.connections == 1


async def test_a_tunnel_gets_a_place_and_not_what_stands_in_it() -> None:
    async with queue() as waiting:
        await waiting.join(1, tunnel=True)
        waiting.give()
        await until(lambda: waiting.got)
        assert waiting.got[0][1] is not waiting.first
        assert waiting.first.wire.closed
        assert waiting.stats.connections == 1


# Through a router


class Endpoint:
    """Says what came on which of its connections; answers the first request when `go` is set."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bytes]] = []
        self.go = trio.Event()

    async def __call__(self, peer: Peer) -> None:
        number = len({each for each, _ in self.seen})
        while await peer.more():
            what = peer.buffer.partition(b" HTTP")[0]
            self.seen.append((number, what))
            if what.startswith(b"GET"):
                await peer.head()
                await self.go.wait()
                await peer.send(OK)
            else:
                peer.buffer = b""
                await peer.send(b"echo " + what)


async def waiting(p: Proxy, count: int = 1) -> None:
    await until(lambda: p.client.pool_stats.waiters == count)


@pytest.mark.parametrize("how", ["tunnel", "has finished", "finishes while it waits"])
async def test_who_needs_a_fresh_connection_gets_one(how: str) -> None:
    endpoint = Endpoint()
    async with origin(endpoint) as server, proxy(server.port, pool=ONE) as p:
        first = await client(p.port)
        await first.send(get(b"first"))
        await until(lambda: endpoint.seen)
        other = await client(p.port)
        if how == "tunnel":
            await other.send(b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\nraw")
        elif how == "has finished":
            other.send_and_finish(get(b"other"))
        else:
            await other.send(get(b"other"))
            await waiting(p)
            await other.finish()
            await until(lambda: any(each._exchange.half_closed for each in p.listener.connections))
        await waiting(p)
        endpoint.go.set()
        await other.until(b"echo raw" if how == "tunnel" else b"ok")
        assert endpoint.seen == [(0, b"GET /first"), (1, b"raw" if how == "tunnel" else b"GET /other")]
        await other.close()
        await first.close()


@pytest.mark.parametrize("tunnel", [True, False], ids=["tunnel", "has finished"])
async def test_what_is_idle_makes_room_for_it(tunnel: bool) -> None:
    """Nobody has to wait until it has been idle for long enough."""
    endpoint = Endpoint()
    endpoint.go.set()
    async with origin(endpoint) as server, proxy(server.port, pool=ONE) as p:
        first = await client(p.port)
        await first.send(get(b"first"))
        await first.until(b"ok")
        other = await client(p.port)
        if tunnel:
            await other.send(b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\nraw")
            await other.until(b"echo raw")
        else:
            other.send_and_finish(get(b"other"))
            await other.until(b"ok")
        assert [number for number, _ in endpoint.seen] == [0, 1]
        assert p.client.pool_stats.connections <= 1
        await other.close()
        await first.close()


async def test_a_client_that_pipelines_overtakes_nobody() -> None:
    endpoint = Endpoint()
    async with origin(endpoint) as server, proxy(server.port, pool=ONE) as p:
        hog = await client(p.port)
        await hog.send(get(b"hog") * 20)
        await until(lambda: endpoint.seen)
        others = []
        for number in range(3):
            peer = await client(p.port)
            await peer.send(get(b"%d" % number))
            await waiting(p, number + 1)
            others.append(peer)
        endpoint.go.set()
        for peer in others:
            await peer.until(b"ok")
            await peer.close()
        await until(lambda: len(endpoint.seen) >= 5)
        order = [what for _, what in endpoint.seen[:5]]
        assert order == [b"GET /hog", b"GET /0", b"GET /1", b"GET /2", b"GET /hog"]
        assert len(server.peers) == 1
        await hog.close()
