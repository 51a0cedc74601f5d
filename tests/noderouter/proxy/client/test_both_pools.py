"""An endpoint that is asked in HTTP/1 and HTTP/2: two kinds of connections, of which the second is made when needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from noderouter.proxy.client.both_pools import BothPools, by_version
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.client.shared_pool import SharedPool
from noderouter.proxy.http1.upstream import connect_http1
from tests.testing.http2 import Http2Peer, http2_origin
from tests.testing.loop import Loop, looping
from tests.testing.proxy import HTTP_1, HTTP_2
from tests.testing.reply import make_exchange


async def listens(peer: Http2Peer) -> None:
    """Speak HTTP/2 to the end."""
    await peer.greet()
    await peer.rest()


@asynccontextmanager
async def pools() -> AsyncIterator[tuple[Loop, BothPools]]:
    """The connections to an endpoint that speaks HTTP/2."""
    async with http2_origin(listens) as endpoint, looping() as loop:
        made = by_version(connect_http1, HTTP_2)(loop.reactor, "127.0.0.1", endpoint.port, PoolSettings(), PoolStats())
        assert isinstance(made, BothPools)
        yield loop, made
        made.close()


async def test_what_carries_streams_is_made_when_it_is_asked_for():
    async with pools() as (loop, pool):
        pool.sweep(monotonic())
        assert pool.free == 0
        streams = pool.streams()
        assert isinstance(streams, SharedPool)
        assert streams is pool.streams()
        assert (streams.host, streams.port) == (pool.host, pool.port)
        transport = await loop.run(streams.open(make_exchange()))
        assert (pool.free, pool.size, streams.size, pool.total) == (0, 0, 1, 1)
        streams.give(transport, monotonic())
        assert pool.free == 1


async def test_both_are_swept_and_closed():
    async with pools() as (loop, pool):
        streams = pool.streams()
        streams.give(await loop.run(streams.open(make_exchange())), monotonic())
        pool.sweep(monotonic() + 100)  # it was idle for too long
        assert (pool.free, streams.size) == (0, 0)
        streams.give(await loop.run(streams.open(make_exchange())), monotonic())
        pool.close()
        assert (streams.closed, streams.size) == (True, 0)


async def test_an_endpoint_that_was_removed_makes_nothing_that_stays():
    async with pools() as (_, pool):
        pool.close()
        assert pool.streams().closed


async def test_other_pools_do_not_tell_them_apart():
    async with looping() as loop:
        for make in (HTTP_1, HTTP_2):
            pool = make(loop.reactor, "10.0.0.1", 80, PoolSettings(), PoolStats())
            assert pool.streams() is pool
            assert pool.total == 0
