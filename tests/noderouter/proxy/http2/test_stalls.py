"""Endpoints that are slow on purpose, or stand still: whom that holds up, for how long, and what it is called.

Covers `client_session.py`.
"""

import socket
from time import monotonic

import pytest
import trio

from noderouter.core.service import Service
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.client.shared_pool import SharedPool
from noderouter.proxy.filter.timeout import AttemptTimeout
from noderouter.proxy.http2.client_session import DOUBT_SECONDS, MOST_HEADS, PONG_SECONDS
from noderouter.proxy.http2.output import SMALLEST
from noderouter.proxy.http2.session import BLOCK_SECONDS
from tests.noderouter.proxy.http2.fronts import FRONTS, Seen, ask, fronted
from tests.testing.http2 import (
    CANCEL,
    DATA,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    Http2Peer,
    data,
    frame,
    http2_client,
    http2_origin,
    ping,
    window_update,
)
from tests.testing.loop import until
from tests.testing.proxy import Proxy

FINE = Seen(200, "fine", True)


def pool_of(p: Proxy) -> SharedPool:
    (found,) = p.client.endpoints.values()
    assert isinstance(found.pool, SharedPool)
    return found.pool


class Endpoint:
    """An origin that answers all but `/bad`, on which it does what a test wants, as a task of its own."""

    def __init__(self) -> None:
        self.bad: list[tuple[Http2Peer, int]] = []

    async def misbehave(self, peer: Http2Peer, number: int) -> None:
        """Answer nothing."""

    async def serve(self, peer: Http2Peer) -> None:
        await peer.greet()
        number = 1
        async with trio.open_nursery() as nursery:
            try:
                while True:
                    seen = await peer.opened(number)
                    if seen.head[b":path"] == b"/bad":
                        self.bad.append((peer, number))
                        nursery.start_soon(self.misbehave, peer, number)
                    else:
                        await peer.send(peer.response(number) + data(number, b"fine", True))
                    number += 2
            except AssertionError:  # the router has left
                nursery.cancel_scope.cancel()


async def beside(front: str, p: Proxy, endpoint: Endpoint, method: str = "GET", body: bytes | None = None) -> Seen:
    """Ask for `/bad`, and for others meanwhile; what came of the former."""
    bad: list[Seen] = []

    async def ask_bad() -> None:
        bad.append(await ask(p.port, front, "/bad", method, body))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_bad)
        await until(lambda: endpoint.bad)
        assert await ask(p.port, front, "/good") == FINE
    assert await ask(p.port, front, "/good") == FINE
    assert len(pool_of(p).connections) == 1
    return bad[0]


@pytest.mark.parametrize("front", FRONTS)
async def test_one_that_never_answers(front: str) -> None:
    endpoint = Endpoint()
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        async with trio.open_nursery() as nursery:

            async def ask_bad() -> None:
                assert await ask(p.port, front, "/bad") == Seen(504, "no response within 300 s", True)

            nursery.start_soon(ask_bad)
            await until(lambda: endpoint.bad)
            assert await ask(p.port, front, "/good") == FINE
            p.later(301)
        peer, number = endpoint.bad[0]
        await until(lambda: peer.seen[number].reset == CANCEL)


@pytest.mark.parametrize("front", FRONTS)
async def test_one_that_says_no_more_within_a_body(front: str) -> None:
    class Silent(Endpoint):
        async def misbehave(self, peer: Http2Peer, number: int) -> None:
            await peer.send(peer.response(number) + data(number, b"some"))

    endpoint = Silent()
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        seen = await beside(front, p, endpoint)
        assert (seen.status, seen.text, seen.whole) == (200, "some", False)


@pytest.mark.parametrize("front", FRONTS)
async def test_one_that_sends_a_frame_byte_by_byte(front: str) -> None:
    """What is not a whole frame is nothing: but it holds up the whole connection, which is why it ends with it."""

    class Slow(Endpoint):
        async def misbehave(self, peer: Http2Peer, number: int) -> None:
            await peer.send(peer.response(number) + data(number, b"some"))
            for byte in data(number, bytes(1000)):
                await peer.send(bytes([byte]))
                await trio.sleep(0.05)

    endpoint = Slow()
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        seen = await ask(p.port, front, "/bad")
        assert (seen.status, seen.text, seen.whole) == (200, "some", False)


@pytest.mark.parametrize("front", FRONTS)
async def test_one_that_grants_nothing_of_an_upload(front: str) -> None:
    endpoint = Endpoint()
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        seen = await beside(front, p, endpoint, "POST", bytes(100_000))
        assert (seen.status, seen.whole) == (504, True)
        assert seen.text == "endpoint took nothing of the request body for 0.2 s"
        peer, number = endpoint.bad[0]
        await until(lambda: peer.seen[number].reset == CANCEL)
        assert 65_535 - SMALLEST < len(peer.seen[number].body) <= 65_535


async def test_one_that_grants_crumbs_gets_them() -> None:
    """Pieces that a window makes small wait for a larger one, half a second, and then go out."""

    class Crumbs(Endpoint):
        async def misbehave(self, peer: Http2Peer, number: int) -> None:
            seen = peer.seen[number]
            while not seen.over:
                size = len(seen.body)
                await peer.send(window_update(number, 100))
                await until(lambda: len(seen.body) > size or seen.over)
            await peer.send(peer.response(number) + data(number, b"%d" % len(seen.body), True))

    endpoint = Crumbs()

    async def serve(peer: Http2Peer) -> None:
        greet = peer.greet

        async def small(*_pairs: tuple[int, int]) -> None:
            await greet((INITIAL_WINDOW_SIZE, 0))

        peer.greet = small  # type: ignore[method-assign]
        await endpoint.serve(peer)

    async with http2_origin(serve) as server, fronted("h2", server.port, pool=PoolSettings()) as p:
        async with trio.open_nursery() as nursery:

            async def sweep() -> None:
                while True:
                    p.client.sweep(monotonic())
                    await trio.sleep(0.01)

            assert await ask(p.port, "h2", "/good") == FINE  # its settings are here
            nursery.start_soon(sweep)
            seen = await ask(p.port, "h2", "/bad", "POST", bytes(350))
            assert seen == Seen(200, "350", True)
            nursery.cancel_scope.cancel()


async def test_one_that_reads_nothing_ends_with_its_connection() -> None:
    class Deaf(Endpoint):
        async def serve(self, peer: Http2Peer) -> None:
            peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await peer.greet((INITIAL_WINDOW_SIZE, 2**31 - 1))
            await peer.send(window_update(0, 2**31 - 1 - 65535))
            self.bad.append((peer, 1))
            await trio.sleep_forever()

    endpoint = Deaf()
    async with http2_origin(endpoint.serve) as server, fronted("h1", server.port) as p:
        seen = await ask(p.port, "h1", "/bad", "POST", bytes(12_000_000))
        assert seen.status in (502, 504)
        assert "taken nothing for 0.2 s" in seen.text or "took nothing of the request body for 0.2 s" in seen.text
        await until(lambda: not pool_of(p).connections or p.client.sweep(monotonic()))


@pytest.mark.parametrize("sent", [frame(HEADERS, 0, 1, b"\x88"), frame(HEADERS, 0, 1)[:5], ping()[:3], ping()[:12]])
async def test_a_frame_or_header_block_that_stands_still_ends_with_its_connection(sent: bytes) -> None:
    class Endless(Endpoint):
        async def misbehave(self, peer: Http2Peer, number: int) -> None:
            await peer.send(sent)

    endpoint = Endless()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port) as p:
        async with trio.open_nursery() as nursery:

            async def ask_bad() -> None:
                seen = await ask(p.port, "h2", "/bad")
                assert seen.status == 502
                assert "a frame or header block of the endpoint's stood still" in seen.text

            nursery.start_soon(ask_bad)
            await until(lambda: endpoint.bad)
            (shared,) = pool_of(p).connections
            session = shared.session  # type: ignore[attr-defined]
            await until(lambda: session.unread_head or session._block_stream)
            p.client.sweep(monotonic() + BLOCK_SECONDS - 1)
            assert not shared.ending
            p.client.sweep(monotonic() + BLOCK_SECONDS + 1)
        assert await ask(p.port, "h2", "/good") == FINE
        assert len(server.peers) == 2


def hasty(service: Service) -> Service:
    return AttemptTimeout(service, 0.1).serve


class Vanished(Endpoint):
    """Does not answer PING, either, until it is told to."""

    async def misbehave(self, peer: Http2Peer, number: int) -> None:
        peer.answering = False


async def test_an_endpoint_that_is_silent_is_asked_whether_it_is_there_and_gets_no_more_until_it_says_so() -> None:
    endpoint = Vanished()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port, wrap=hasty) as p:
        assert await ask(p.port, "h2", "/good") == FINE
        assert (await ask(p.port, "h2", "/bad")).status == 503
        peer = endpoint.bad[0][0]
        await until(lambda: any(each.kind == PING for each in peer.frames))
        assert (await ask(p.port, "h2", "/bad")).status == 503
        assert len(server.peers) == 1
        p.client.sweep(monotonic() + PONG_SECONDS + 0.5)
        assert await ask(p.port, "h2", "/good") == FINE  # on another one
        assert len(server.peers) == 2
        assert sum(each.kind == PING for each in peer.frames) == 1
        p.client.sweep(monotonic() + DOUBT_SECONDS + 1)
        await until(lambda: peer.closed)


async def test_one_that_was_only_slow_is_used_again() -> None:
    endpoint = Vanished()
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port, wrap=hasty) as p:
        assert await ask(p.port, "h2", "/good") == FINE
        assert (await ask(p.port, "h2", "/bad")).status == 503
        peer = endpoint.bad[0][0]
        await until(lambda: any(each.kind == PING for each in peer.frames))
        p.client.sweep(monotonic() + PONG_SECONDS + 0.5)
        (shared,) = pool_of(p).connections
        assert shared.room == 0
        await peer.send(frame(PING, 1, 0, b"are you?"))
        await until(lambda: shared.room > 0)
        assert await ask(p.port, "h2", "/good") == FINE
        assert len(server.peers) == 1


async def test_heads_for_an_endpoint_that_reads_nothing_go_elsewhere() -> None:
    """No window bounds heads: what one session keeps of them has a limit of its own, and requests go to others."""
    reading = trio.Event()

    async def serve(peer: Http2Peer) -> None:
        await peer.greet()
        await reading.wait()
        await peer.rest()

    async with http2_origin(serve) as server, fronted("h2", server.port, pool=PoolSettings()) as p:
        head = [(b"x-%d" % each, b"v" * 3900) for each in range(4)]
        peers = []
        while not peers or len(pool_of(p).connections) < 2:
            assert len(peers) < 100
            peer = await http2_client(p.port)
            peers.append(peer)
            await peer.send(*[peer.request("/", "GET", *head) for _ in range(20)])
            await peer.still_there()
        sessions = [each.session for each in pool_of(p).connections]  # type: ignore[attr-defined]
        assert all(each.queued < MOST_HEADS + 20 * 16_384 for each in sessions)
        shut = [each for each in sessions if each.queued >= MOST_HEADS]
        assert shut
        assert not any(each.room for each in shut)
        reading.set()
        await until(lambda: all(each.room for each in shut))
        for peer in peers:
            await peer.close()


async def test_many_that_are_cancelled_leave_the_others_alone() -> None:
    """Answers to streams that were reset long ago are under way, and no fault."""
    endpoint = Endpoint()
    count = 1500
    async with http2_origin(endpoint.serve) as server, fronted("h2", server.port) as p:
        assert await ask(p.port, "h2", "/good") == FINE  # it says how many it takes
        staying = await http2_client(p.port)
        await staying.send(staying.request("/bad"))
        await until(lambda: endpoint.bad)
        _, stays = endpoint.bad.pop()
        peers = []
        for start in range(0, count, 500):
            peer = await http2_client(p.port)
            await peer.send(*[peer.request("/bad") for _ in range(500)])
            await until(lambda most=start + 500: len(endpoint.bad) >= most)  # type: ignore[misc]
            peers.append(peer)
        for peer in peers:
            await peer.close()
        origin = endpoint.bad[0][0]
        await until(lambda: sum(seen.reset is not None for seen in origin.seen.values()) >= count)
        for _, number in endpoint.bad:
            await origin.send(origin.response(number) + data(number, b"late", True))
        await origin.send(ping())  # its script reads the answer
        await until(lambda: origin.pongs)
        assert await ask(p.port, "h2", "/good") == FINE
        assert len(server.peers) == 2  # on the first, many were reset
        assert sum(each.kind == DATA for each in origin.frames) == 0
        await origin.send(origin.response(stays) + data(stays, b"fine", True))
        assert bytes((await staying.over(1)).body) == b"fine"
        await staying.close()
