"""What stands still ends: clients, endpoints and readers that never go on."""

import socket

import pytest
import trio

from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.transport import TransportLimits
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import Proxy, proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
IMPATIENT = PoolSettings(limits=TransportLimits(body_idle_seconds=0.2))
IN_A_HURRY = ServerSettings(body_idle_seconds=0.2)


async def silent(peer: Peer) -> None:
    """Read the head and say nothing."""
    await peer.head()
    await peer.rest(60)


async def pour(peer: Peer) -> None:
    """Send until the other side has gone."""
    with trio.fail_after(PATIENCE_SECONDS):
        try:
            while True:
                await peer.send(b"x" * 100_000)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


def nothing_left(p: Proxy) -> bool:
    return not p.listener.connections and not p.client.pool_stats.connections


@pytest.mark.parametrize("head", [b"Content-Length: 100\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"])
async def test_a_response_that_stands_still_is_cut(head: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head)
        await peer.rest(60)

    async with origin(script) as server, proxy(server.port, pool=IMPATIENT) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await peer.head()
        await peer.rest()
        assert peer.reset
        await until(lambda: nothing_left(p))
        assert p.client.stalls == 1


async def test_a_response_that_drips_is_carried() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await trio.sleep(0.03)  # three times as long as the limit in all
            await peer.send(b"x")

    async with origin(script) as server, proxy(server.port, pool=IMPATIENT) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await peer.head()
        assert await peer.exactly(20) == b"x" * 20
        await peer.close()


async def test_a_reader_that_stands_still_is_reset() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        await pour(peer)

    async with origin(script) as server, proxy(server.port, settings=IN_A_HURRY) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await peer.head()
        await until(lambda: nothing_left(p))
        assert p.stats.stalls == 1
        assert p.client.stalls == 0  # the endpoint is not to blame
        await peer.close()


async def test_a_reader_that_is_slow_is_waited_for() -> None:
    """The kernel says "writable" only when much has been read: less must count, too."""
    size = 3_000_000

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        await peer.rest(60)

    async with origin(script) as server, proxy(server.port, settings=ServerSettings(body_idle_seconds=0.3)) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await peer.head()
        stopped = 0
        left = size - len(peer.buffer)
        while left:
            if stopped < 8:  # eight pauses, each shorter than the limit, together much longer
                await trio.sleep(0.15)
                stopped += 1
            left -= len(await peer.stream.receive_some(min(left, 65536)))
        await peer.close()


async def test_an_upload_that_stands_still_is_answered_408() -> None:
    async with origin(silent) as server, proxy(server.port, settings=IN_A_HURRY) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        assert (await peer.head()).startswith(b"HTTP/1.1 408 ")
        await peer.rest()
        await until(lambda: nothing_left(p))


async def test_an_endpoint_that_reads_no_upload_is_answered_504() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await trio.sleep_forever()

    async with origin(script) as server, proxy(server.port, pool=IMPATIENT) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pour, peer)
            assert (await peer.head()).startswith(b"HTTP/1.1 504 ")
            await peer.close()
        await until(lambda: nothing_left(p))
        assert p.client.stalls == 1


async def test_a_response_that_does_not_begin_is_a_504() -> None:
    async with origin(silent) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await until(lambda: p.client.pool_stats.connects)
        p.later(299)
        p.later(301)
        head = await peer.head()
        assert head.startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
        assert b"l5d-err: no+response+within+300+s\r\n" in head
        await until(lambda: not p.client.pool_stats.connections)
        assert p.client.stalls == 1
        await peer.close()


async def test_a_head_that_drips_does_not_begin() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        for byte in b"HTTP/1.1 200 OK\r\nX-Filler: x":
            await peer.send(bytes([byte]))
            await trio.sleep(0)
        dripped.set()
        await peer.rest(60)

    dripped = trio.Event()
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        await dripped.wait()
        (connection,) = p.listener.connections
        connection.check(connection._exchange.upstream.progress + 301)
        assert (await peer.head()).startswith(b"HTTP/1.1 504 ")
        await peer.close()


async def test_an_upload_in_progress_puts_the_head_off() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(100_000)
        got.set()
        await go.wait()
        await peer.send(OK)

    got, go = trio.Event(), trio.Event()
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + b"x" * 100_000)
        await got.wait()
        ((connection, task),) = p.listener.connections.items()
        task.since -= 400  # since then only the upload has gone on
        connection.check(task.since + 400)
        go.set()
        await peer.send(b"\r\n0\r\n\r\n")
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        await peer.close()


async def test_a_client_that_pauses_in_its_upload_is_not_the_endpoints_silence() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(3)
        got.set()
        await peer.exactly(9997)
        await peer.send(OK)

    got = trio.Event()
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\nabc")
        await got.wait()
        p.later(301)
        await peer.send(b"x" * 9997)
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        assert p.client.stalls == 0
        await peer.close()


async def test_an_endpoint_that_reads_slowly_is_not_silent_either() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        left = size - len(peer.buffer)
        while left:
            left -= len(await peer.stream.receive_some(65536))
        await peer.send(OK)

    async def pour_all() -> None:
        await peer.send(b"x" * size)

    size = 20_000_000
    go = trio.Event()
    async with origin(script) as server, proxy(server.port) as p, trio.open_nursery() as nursery:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        nursery.start_soon(pour_all)
        await until(lambda: any(each.unsent is not None for each in p.loop.reactor._wires.values()))
        p.later(301)
        go.set()
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        await peer.close()


async def test_a_tunnel_in_which_nothing_moves_ends() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await peer.rest(60)

    async with origin(script) as server, proxy(server.port, settings=ServerSettings(tunnel_idle_seconds=0.2)) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        await peer.rest()
        assert peer.reset
        await until(lambda: nothing_left(p))


async def test_connecting_ends_in_time_over_all_tries() -> None:
    """A backlog that is full takes no connection and refuses none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        settings = PoolSettings(connect_seconds=0.2, connecting_seconds=0.5)
        async with proxy(port, pool=settings) as p:
            peer = await client(p.port)
            await peer.send(GET)
            assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
            assert p.client.pool_stats.connect_failures in (2, 3)  # of 26 tries; the last one has what is left
            await peer.close()
        for filler in fillers:
            filler.close()
