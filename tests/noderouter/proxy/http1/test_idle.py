"""Which connections would not be missed, and so may be ended in favour of newcomers: those that owe us a request."""

from functools import partial

import trio
import trio.testing

from noderouter.proxy.http.lifetime import UPLOAD_SECONDS
from noderouter.proxy.http1.server_settings import ServerSettings
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import Proxy, proxy

SMALL = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
LARGE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


async def silent(peer: Peer) -> None:
    """Take all and never answer."""
    await peer.rest(60)


def long_ago(p: Proxy, seconds: float) -> None:
    """Have the only connection believe that nothing has moved for so long."""
    ((connection, task),) = p.listener.connections.items()
    task.since -= seconds
    exchange = connection._exchange
    if exchange is not None and exchange.upstream is not None:
        exchange.upstream.progress -= seconds


async def taking(count: int, got: trio.Event, peer: Peer) -> None:
    """Read a head and so many bytes of a body, and then be silent."""
    await peer.head()
    if count:
        await peer.exactly(count)
    got.set()
    await silent(peer)


def evicted(p: Proxy) -> bool:
    return p.listener._places.make_room()


async def in_progress(p: Proxy, endpoint: trio.Event | None = None) -> None:
    """Wait until the head of a request has been read, and is with the endpoint."""
    await until(lambda: p.stats.received_bytes)
    if endpoint is not None:
        await endpoint.wait()


async def test_a_small_body_that_does_not_come_is_no_request() -> None:
    async with origin(silent) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(SMALL + b"x" * 99)
        await in_progress(p)
        long_ago(p, 1)
        assert evicted(p)
        assert await peer.rest() == b""
        await until(lambda: not p.listener.connections)
        assert p.client.pool_stats.connects == 0


async def test_a_small_body_that_has_come_is_a_request() -> None:
    got = trio.Event()
    async with origin(partial(taking, 0, got)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(SMALL)
        await in_progress(p)
        await peer.send(b"x" * 100)
        await in_progress(p, got)
        long_ago(p, 1000)
        assert not evicted(p)
        await peer.close()


async def test_a_small_body_is_timed_as_a_body_and_not_as_a_pause_between_requests() -> None:
    async with origin(silent) as server, proxy(server.port, settings=ServerSettings(idle_seconds=1.0)) as p:
        peer = await client(p.port)
        await peer.send(SMALL)
        await in_progress(p)
        p.later(30)
        await peer.send(b"x" * 100)
        await until(lambda: p.client.pool_stats.connects)
        assert p.stats.idle_closes == 0
        await peer.close()


async def test_an_upload_that_has_stopped_makes_room() -> None:
    got = trio.Event()
    async with origin(partial(taking, 3, got)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(LARGE + b"abc")
        await in_progress(p, got)
        long_ago(p, UPLOAD_SECONDS / 2)
        assert not evicted(p), "it may go on"
        long_ago(p, UPLOAD_SECONDS)
        assert evicted(p)
        assert await peer.rest() == b""
        await until(lambda: not p.client.pool_stats.connections)


async def test_who_waits_for_the_answer_to_an_upload_stays() -> None:
    got = trio.Event()
    async with origin(partial(taking, 100_000, got)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(LARGE + b"x" * 100_000)
        await in_progress(p, got)
        await trio.testing.wait_all_tasks_blocked()
        long_ago(p, 1000)
        assert not evicted(p)
        await peer.close()


async def test_an_upload_whose_endpoint_does_not_read_stays() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await trio.sleep_forever()

    async def pour() -> None:
        try:
            await peer.send(b"x" * 50_000_000)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with origin(script) as server, proxy(server.port) as p, trio.open_nursery() as nursery:
        peer = await client(p.port)
        await peer.send(LARGE.replace(b"100000", b"50000000"))
        nursery.start_soon(pour)
        await until(lambda: any(each.unsent is not None for each in p.loop.reactor._wires.values()))
        long_ago(p, 1000)
        assert not evicted(p)
        await peer.close()


async def test_who_drains_waits_for_the_rest_of_a_small_body() -> None:
    async with origin(silent) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(SMALL)
        await in_progress(p)
        p.listener.drain()
        ((connection, _),) = p.listener.connections.items()
        await p.loop.run(connection._end_if_idle())
        await peer.send(b"x" * 100)
        await until(lambda: p.client.pool_stats.connects)
        await peer.close()
