"""What an endpoint has not processed is sent again, whatever the method: GOAWAY and REFUSED_STREAM (RFC 9113).

Covers `client_stream.py`.
"""

from collections.abc import Callable
from functools import partial

import pytest
import trio

from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.retry.replay import ReplayBody
from tests.noderouter.proxy.http2.fronts import FRONTS, ask, fronted, send_data
from tests.testing.http2 import (
    ENHANCE_YOUR_CALM,
    MAX_CONCURRENT_STREAMS,
    PREFACE,
    REFUSED_STREAM,
    Http2Peer,
    data,
    goaway,
    http2_client,
    http2_origin,
    rst_stream,
    settings,
)
from tests.testing.loop import until
from tests.testing.origin import client
from tests.testing.proxy import Proxy

Turn = Callable[[Http2Peer, int], bytes]
BUFFER = 16_383


def turned_away(peer: Http2Peer, number: int) -> bytes:
    return goaway(number - 2 if number > 1 else 0)


def refused(peer: Http2Peer, number: int) -> bytes:
    return rst_stream(number, REFUSED_STREAM)


def keeping(service: Service) -> Service:
    """Keep bodies that stream, as the router's filter does."""

    async def serve(exchange: Exchange) -> None:
        if exchange.body.data is None:
            exchange.body = ReplayBody(exchange, BUFFER)
        await service(exchange)

    return serve


def endpoint_of(p: Proxy) -> Endpoint:
    (found,) = p.client.endpoints.values()
    return found


class Endpoints:
    """An origin that turns some requests away, and echoes the bodies of others.

    `turns` are what the first requests get, when so many bytes of their bodies are here (-1: when they are whole).
    """

    def __init__(self, *turns: tuple[Turn, int]) -> None:
        self.turns = list(turns)
        self.turned = 0
        self.served: list[tuple[bytes, bytes]] = []

    async def serve(self, peer: Http2Peer) -> None:
        await peer.greet()
        peer.giving = True
        number = 1
        try:
            while True:
                seen = await peer.opened(number)
                if self.turns:
                    turn, count = self.turns.pop(0)
                    await peer.until(lambda: seen.ended if count < 0 else len(seen.body) >= count)
                    await peer.send(turn(peer, number))
                    self.turned += 1
                else:
                    await peer.over(number)
                    self.served.append((seen.head[b":method"], bytes(seen.body)))
                    await peer.send(peer.response(number) + data(number, bytes(seen.body) or b"served", True))
                number += 2
        except AssertionError:  # the router has left
            return


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("turn", [turned_away, refused])
async def test_what_was_not_processed_is_sent_again_whatever_the_method(turn: Turn, method: str, front: str) -> None:
    body = None if method == "GET" else b"once"
    endpoints = Endpoints((turn, -1))
    async with http2_origin(endpoints.serve) as server, fronted(front, server.port) as p:
        seen = await ask(p.port, front, "/", method, body)
        assert (seen.status, seen.text) == (200, "once" if body else "served")
        assert endpoints.served == [(method.encode(), body or b"")]
        assert p.client.requeues == 1
        assert len(server.peers) == (2 if turn is turned_away else 1)


async def test_a_graceful_goaway_is_no_failure_of_the_endpoint() -> None:
    async with http2_origin(Endpoints((turned_away, -1)).serve) as server, fronted("h2", server.port) as p:
        await ask(p.port, "h2", "/")
        assert (endpoint_of(p).failures, endpoint_of(p).successes) == (0, 1)


async def test_one_that_names_an_error_is() -> None:
    calm: Turn = lambda _peer, _number: goaway(0, ENHANCE_YOUR_CALM, b"too_many_pings")  # noqa: E731
    async with http2_origin(Endpoints((calm, -1)).serve) as server, fronted("h2", server.port) as p:
        seen = await ask(p.port, "h2", "/")
        assert (seen.status, endpoint_of(p).failures) == (200, 1)


async def test_a_stream_that_is_refused_before_the_settings_are_here_is_no_failure() -> None:
    """Nobody could know how many the endpoint takes."""
    most: list[int] = []

    async def serve(peer: Http2Peer) -> None:
        peer.answering = False
        await peer._exactly(len(PREFACE))
        await peer.until(lambda: len(peer.seen) == 4)
        await peer.send(
            settings((MAX_CONCURRENT_STREAMS, 1)), *[rst_stream(each, REFUSED_STREAM) for each in (3, 5, 7)]
        )
        number = 1
        while True:
            seen = await peer.opened(number)
            most.append(len([each for each in peer.seen if each >= max(number, 9)]))
            await peer.send(peer.response(number) + data(number, seen.head[b":path"], True))
            number = max(9, number + 2)

    async with http2_origin(serve) as server, fronted("h2", server.port, pool=PoolSettings(max_size=1)) as p:
        peer = await http2_client(p.port)
        await peer.send(*[peer.request(path) for path in ("/0", "/1", "/2", "/3")])
        assert [(await peer.over(number)).status for number in (1, 3, 5, 7)] == [200] * 4
        assert endpoint_of(p).failures == 0
        assert p.client.requeues == 3
        assert most == [0, 1, 1, 1]
        await peer.close()


@pytest.mark.parametrize("turn", [turned_away, refused])
async def test_a_body_that_was_read_in_part_is_sent_again_from_its_first_byte(turn: Turn) -> None:
    endpoints = Endpoints((turn, 5), (turn, 10))
    async with http2_origin(endpoints.serve) as server, fronted("h2", server.port, wrap=keeping) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"first"))
        await until(lambda: endpoints.turned == 1)
        await peer.send(data(1, b"secnd"))
        await until(lambda: endpoints.turned == 2)
        await peer.send(data(1, b"third", True))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body)) == (200, b"firstsecndthird")
        assert endpoints.served == [(b"POST", b"firstsecndthird")]
        await peer.close()


@pytest.mark.parametrize("turn", [turned_away, refused])
async def test_one_that_is_too_long_for_that_fails_and_says_why(turn: Turn) -> None:
    endpoints = Endpoints((turn, 40_000))
    async with http2_origin(endpoints.serve) as server, fronted("h2", server.port, wrap=keeping) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False))
        await send_data(peer, 1, bytes(40_000), end=False)
        seen = await peer.over(1)
        assert seen.status == 502
        assert b"cannot be sent again, as its body is not kept, or not all of it" in seen.body
        assert p.client.cannot_retry == 1
        await peer.close()


async def test_streams_that_it_names_go_on_and_the_others_go_elsewhere() -> None:
    begun: list[Http2Peer] = []

    async def serve(peer: Http2Peer) -> None:
        await peer.greet()
        begun.append(peer)
        await peer.opened(1)
        if len(begun) == 2:
            await peer.send(peer.response(1) + data(1, b"elsewhere", True))
        await trio.sleep_forever()

    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/first"))
        await until(lambda: begun and 1 in begun[0].seen)
        await peer.send(peer.request("/second", "POST"))
        first = begun[0]
        with trio.fail_after(30):
            while 3 not in first.seen:
                await first.read()
        await first.send(goaway(1))
        assert bytes((await peer.over(3)).body) == b"elsewhere"
        await first.send(first.response(1) + data(1, b"all of it", True))
        assert bytes((await peer.over(1)).body) == b"all of it"
        await until(lambda: endpoint_of(p).pool.size == 1)
        await peer.close()


async def test_an_endpoint_that_turns_all_away_is_not_asked_without_an_end() -> None:
    endpoints = Endpoints(*[(turned_away, -1)] * 1000)
    async with http2_origin(endpoints.serve) as server, fronted("h2", server.port) as p:
        seen = await ask(p.port, "h2", "/")
        assert seen.status == 502
        assert "endpoint goes away (GOAWAY, NO_ERROR), and has not processed the request" in seen.text
        assert p.client.request_limit == 1
        assert len(server.peers) <= 30


async def test_an_endpoint_that_restarts_under_load_fails_no_call() -> None:
    """As servers of gRPC do: a GOAWAY that names no stream, then the real one, and what was begun is answered."""
    restarts = 0

    async def serve(peer: Http2Peer) -> None:
        nonlocal restarts
        await peer.greet()
        answered = 0
        try:
            while True:
                opened = [number for number, seen in peer.seen.items() if seen.blocks and number > answered]
                if len(peer.seen) >= 40:
                    restarts += 1
                    last = max(peer.seen)
                    await peer.send(goaway(2**31 - 1), goaway(last))
                    for number in sorted(opened):
                        await peer.send(peer.response(number) + data(number, b"fine", True))
                    await peer.rest()
                    return
                for number in sorted(opened):
                    answered = number
                    await peer.send(peer.response(number) + data(number, b"fine", True))
                if await peer.read() is None:
                    return
        except AssertionError:
            return

    async def call(port: int, results: list[int]) -> None:
        peer = await http2_client(port)
        for _ in range(40):
            seen = await peer.fetch("/", "POST")
            results.append(seen.status)
        await peer.close()

    results: list[int] = []
    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(partial(call, p.port, results))
        assert results == [200] * 400
        assert restarts >= 8
        assert endpoint_of(p).failures == 0


async def test_a_connection_that_ends_while_an_upgrade_waits_for_its_settings_is_left_for_another() -> None:
    """Nothing is begun on what has ended: it would never be answered."""
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\n"
    asked = head + b"Upgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n"

    async def serve(peer: Http2Peer) -> None:
        peer.answering = False
        await peer._exactly(len(PREFACE))
        if len(server.peers) == 1:
            return  # and closes, without a word
        await peer.send(settings())
        await peer.opened()
        await peer.send(peer.response(1, 403, end=True))
        await peer.rest()

    async with http2_origin(serve) as server, fronted("h1", server.port) as p:
        peer = await client(p.port)
        await peer.send(asked)
        assert (await peer.rest()).startswith(b"HTTP/1.1 403 ")
        assert endpoint_of(p).failures == 0
