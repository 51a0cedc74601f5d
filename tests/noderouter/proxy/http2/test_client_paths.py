"""The client's own paths over shared connections: time limits, `failFast`, who is to blame, and what is counted."""

import gc
from functools import partial
from time import monotonic

import trio

from noderouter.core.service import Service
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.filter.timeout import AttemptTimeout
from noderouter.proxy.http2.client_stream import ClientStream
from noderouter.proxy.http2.flood import MOST_RESETS_SENT
from tests.noderouter.proxy.http2.fronts import ask, fronted
from tests.testing.http2 import (
    CANCEL,
    DATA,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    Http2Peer,
    data,
    http2_client,
    http2_origin,
    rst_stream,
    window_update,
)
from tests.testing.loop import until
from tests.testing.ports import free_ports


class Endpoint:
    """Answers `/fine`, and nothing else until `answer` is called."""

    def __init__(self, *settings: tuple[int, int]) -> None:
        self.settings = settings
        self.waiting: list[tuple[Http2Peer, int]] = []
        self.peers: list[Http2Peer] = []

    async def serve(self, peer: Http2Peer) -> None:
        self.peers.append(peer)
        await peer.greet(*self.settings)
        number = 1
        try:
            while True:
                seen = await peer.opened(number)
                if seen.head[b":path"] == b"/fine":
                    await peer.send(peer.response(number) + data(number, b"fine", True))
                else:
                    self.waiting.append((peer, number))
                number += 2
        except AssertionError:  # the router has left
            return

    async def answer(self) -> None:
        for peer, number in self.waiting:
            await peer.send(peer.response(number) + data(number, b"at last", True))
        self.waiting.clear()


def within(seconds: float, service: Service) -> Service:
    return AttemptTimeout(service, seconds).serve


async def test_an_attempt_that_takes_too_long_is_the_endpoints_failure_and_resets_its_stream_alone() -> None:
    endpoint = Endpoint()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port, wrap=partial(within, 0.1)) as p:
        assert (await ask(p.port, "h2", "/fine")).status == 200
        seen = await ask(p.port, "h2", "/slow")
        assert seen.status == 503
        peer, number = endpoint.waiting[0]
        await until(lambda: peer.seen[number].reset == CANCEL)
        (node,) = p.client.endpoints.values()
        assert (node.successes, node.failures) == (1, 1)
        assert node.errors is not None
        assert node.errors[0].what == "Timeout"
        assert (await ask(p.port, "h2", "/fine")).status == 200
        assert len(server.peers) == 1


async def test_who_waited_for_room_until_his_time_was_up_blames_nobody() -> None:
    endpoint = Endpoint((MAX_CONCURRENT_STREAMS, 1))
    pool = PoolSettings(max_size=1)
    async with (
        http2_origin(endpoint.serve) as server,
        fronted("h2", server.port, pool=pool, wrap=partial(within, 0.3)) as p,
    ):
        assert (await ask(p.port, "h2", "/fine")).status == 200
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, p.port, "h2", "/slow")
            await until(lambda: endpoint.waiting)
            nursery.start_soon(ask, p.port, "h2", "/fine")
            await until(lambda: p.client.pool_stats.waiters == 1)
        (node,) = p.client.endpoints.values()
        assert node.failures == 1  # of the one that it had
        assert p.client.pool_stats.waiters == 0
        assert p.client.pool_stats.waited == 1


async def test_fail_fast_tries_one_connection_in_the_background_and_gives_it_back() -> None:
    (port,) = free_ports(1)
    async with fronted("h2", port, fail_fast=True) as p:
        assert (await ask(p.port, "h2", "/fine")).status == 502
        assert p.client.down == 1
        attempts = p.client.pool_stats.connect_failures
        assert (await ask(p.port, "h2", "/fine")).status == 502
        assert p.client.pool_stats.connect_failures == attempts
        endpoint = Endpoint()
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, lambda stream: endpoint.serve(Http2Peer(stream, False)), listeners)
            await until(lambda: p.client.down == 0)
            assert (await ask(p.port, "h2", "/fine")).status == 200
            assert p.client.pool_stats.connects == 1
            (node,) = p.client.endpoints.values()
            assert node.pool.free == 1
            nursery.cancel_scope.cancel()


async def test_connections_waiters_and_bytes_are_counted() -> None:
    endpoint = Endpoint()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port) as p:
        stats = p.client.pool_stats
        peer = await http2_client(p.port)
        await peer.send(*[peer.request("/slow") for _ in range(5)])
        await until(lambda: len(endpoint.waiting) == 5)
        assert (stats.connects, stats.connections, stats.waiters, stats.waited) == (1, 1, 0, 0)
        await endpoint.answer()
        for number in range(1, 11, 2):
            await peer.over(number)
        await until(lambda: not p.client.in_flight)
        p.client.sweep(monotonic())  # which comes twice a second
        assert stats.sent_bytes > 100
        assert stats.received_bytes > 5 * len("at last")
        (node,) = p.client.endpoints.values()
        node.pool.close()
        assert (stats.connections, stats.closes) == (0, 1)
        await peer.close()


async def test_thousands_of_streams_that_are_cancelled_at_once_leave_nothing() -> None:
    """The session on which so many were reset gets no more of them: its endpoint would end it."""
    endpoint = Endpoint()
    count = 2000
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port) as p:
        assert (await ask(p.port, "h2", "/fine")).status == 200
        peers = []
        for start in range(0, count, 500):
            peer = await http2_client(p.port)
            await peer.send(*[peer.request("/slow") for _ in range(500)])
            await until(lambda most=start + 500: len(endpoint.waiting) == most)  # type: ignore[misc]
            peers.append(peer)
        for peer in peers:
            await peer.close()
        await until(lambda: not p.client.in_flight)
        origin = endpoint.peers[0]
        await until(lambda: sum(seen.reset is not None for seen in origin.seen.values()) == count)
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, ClientStream)]
        (node,) = p.client.endpoints.values()
        assert node.failures == 0
        assert (await ask(p.port, "h2", "/fine")).status == 200
        assert len(server.peers) == 2


async def test_many_that_are_cancelled_end_no_other_on_the_same_session() -> None:
    """Two clients that reset what they began are within their budgets, and together beyond that of the endpoint."""
    endpoint = Endpoint()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port) as p:
        other = await http2_client(p.port)
        await other.send(other.request("/slow"))
        await until(lambda: endpoint.waiting)
        for _ in range(3):
            peer = await http2_client(p.port)
            for number in range(1, 81, 2):
                before = len(endpoint.waiting)
                await peer.send(peer.request("/slow"))
                await until(lambda before=before: len(endpoint.waiting) > before)  # type: ignore[misc]
                await peer.send(rst_stream(number))
            await peer.still_there()
            assert not peer.goaways
            await peer.close()
        await until(lambda: p.client.in_flight == 1)
        counts = [sum(seen.reset is not None for seen in each.seen.values()) for each in endpoint.peers]
        assert max(counts) <= MOST_RESETS_SENT + 1
        assert sum(counts) == 120
        await endpoint.answer()
        assert (await other.over(1)).status == 200
        await until(lambda: endpoint.peers[0].closed)  # with its last stream
        await other.close()


class Large(Endpoint):
    """Sends as much as a stream may hold of what `/large` asks for, in crumbs where `/crumbs` does."""

    async def serve(self, peer: Http2Peer) -> None:
        self.peers.append(peer)
        await peer.greet()
        number = 1
        sent = 0
        try:
            while True:
                path = (await peer.opened(number)).head[b":path"]
                await peer.send(peer.response(number))
                if path == b"/large":
                    for _ in range(4):
                        await peer.until(lambda: sent + 16_384 <= 65_535 + peer.granted)
                        sent += 16_384
                        await peer.send(data(number, bytes(16_384)))
                elif path == b"/crumbs":
                    await peer.send(*[data(number, b"x") for _ in range(20_000)])
                else:
                    await peer.send(data(number, b"fine", True))
                number += 2
        except AssertionError:  # the router has left
            return


async def test_clients_that_do_not_read_hold_up_nobody_who_comes_later() -> None:
    """They have the window of a whole connection, so others get another one."""
    endpoint = Large()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port, pool=PoolSettings()) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 0))
        await peer.send(*[peer.request("/large") for _ in range(40)])
        (node,) = p.client.endpoints.values()
        await until(lambda: node.pool.size == 1)
        (shared,) = node.pool.connections  # type: ignore[attr-defined]
        await until(lambda: shared.room == 0)
        assert (await ask(p.port, "h2", "/fine")).text == "fine"
        assert len(server.peers) == 2
        await peer.close()
        await until(lambda: shared.room > 0)


async def test_crumbs_that_nobody_reads_take_little_room() -> None:
    endpoint = Large()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port, pool=PoolSettings()) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 0))
        await peer.send(peer.request("/crumbs"))
        (node,) = p.client.endpoints.values()
        await until(lambda: node.pool.size == 1 and node.pool.connections)  # type: ignore[attr-defined]
        (shared,) = node.pool.connections  # type: ignore[attr-defined]
        await until(lambda: shared.session.streams and shared.session.streams[1].received == 20_000)
        assert len(shared.session.streams[1].pieces) < 100
        await peer.close()


async def test_an_endpoint_that_hands_back_each_small_read_at_once_is_no_attacker() -> None:
    """As servers do that tell of every read of their handler."""

    async def serve(peer: Http2Peer) -> None:
        await peer.greet()
        try:
            while (got := await peer.read()) is not None:
                if got.kind == DATA:
                    pieces = len(got.payload) // 128
                    await peer.send(*[window_update(0, 128) + window_update(1, 128)] * pieces)
                    if got.ended:
                        await peer.send(peer.response(1) + data(1, b"%d" % len(peer.seen[1].body), True))
        except AssertionError:
            return

    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        assert (await ask(p.port, "h2", "/", "POST", bytes(300_000))).text == "300000"
