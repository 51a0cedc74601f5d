"""Requests and responses of every shape over HTTP/2, to an endpoint that speaks HTTP/1.

Covers `server_settings.py`.
"""

from functools import partial

import pytest

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.message import Response
from noderouter.proxy.http2.flood import RESETS, UNTOLD_REFUSALS
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import Held, answer, at_rest, body_of, echo, session_of, soon, whole
from tests.testing import http2
from tests.testing.http2 import data, http2_client
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()


async def say(response: bytes, heads: list[bytes], peer: Peer) -> None:
    """Note each request head, and answer it."""
    while await peer.more():
        heads.append(await peer.head())
        await peer.send(response)


async def test_a_request_and_its_response() -> None:
    heads: list[bytes] = []
    script = partial(say, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", heads)
    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch("/a", "GET", (b"accept", b"*/*"))
        assert (seen.status, bytes(seen.body), seen.ended, seen.reset) == (200, b"hello", True, None)
        assert seen.head[b"x-a"] == b"b"
        assert seen.head[b"content-length"] == b"5"
        assert heads[0].startswith(b"GET /a HTTP/1.1\r\nhost: example.com\r\naccept: */*\r\n")
        assert p.stats.edges is not None
        await at_rest(p, peer)
        await peer.close()


@pytest.mark.parametrize("told", [True, False], ids=["content-length", "no length"])
@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 70_000, 300_000])
async def test_bodies(size: int, told: bool) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        peer.giving = True
        fields = [(b"content-length", b"%d" % size)] if told else []
        await peer.send(peer.request("/", "POST", *fields, end=False))
        await peer.upload(1, body)
        seen = await peer.over(1)
        assert (bytes(seen.body), seen.reset) == (body, None)
        await at_rest(p, peer)
        await peer.close()


async def test_a_small_body_is_whole_before_it_is_served() -> None:
    """So that it can be sent again."""
    found: list[tuple[bytes | None, bool]] = []

    async def look(exchange: Exchange) -> None:
        found.append((exchange.body.data, exchange.body.replayable))
        await answer(exchange)

    async with proxy(service=look, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", (b"content-length", b"4"), end=False), data(1, b"ab"))
        await peer.still_there()
        assert not found
        await peer.send(data(1, b"cd", end=True))
        await peer.over(1)
        await peer.send(peer.request("/", "POST", end=False), data(3, b"x" * 10), data(3, b"y" * 10, end=True))
        await peer.over(3)
        assert found == [(b"abcd", True), (b"x" * 10 + b"y" * 10, True)]
        await peer.close()


async def test_trailers_both_ways() -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"body"))
        await peer.send(peer.headers(1, [(b"x-check", b"1")], end=True))
        seen = await peer.over(1)
        assert (bytes(seen.body), seen.trailers) == (b"body", {b"x-check": b"1"})
        await at_rest(p, peer)
        await peer.close()


async def test_trailers_of_an_endpoint() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-B\r\n\r\n2\r\nhi\r\n0\r\nX-B: c\r\n\r\n"
    async with origin(partial(say, chunked, [])) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch("/", "GET", (b"te", b"trailers"))
        assert (bytes(seen.body), seen.trailers) == (b"hi", {b"x-b": b"c"})
        assert b"transfer-encoding" not in seen.head
        await peer.close()


@pytest.mark.parametrize(
    ("method", "response", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"5"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"5"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"0"),
    ],
)
async def test_responses_without_a_body_end_with_their_head(method: str, response: bytes, length: bytes | None) -> None:
    async with origin(partial(say, response, [])) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch("/", method)
        assert (bytes(seen.body), seen.pieces, seen.ended, seen.head.get(b"content-length")) == (b"", [], True, length)
        await at_rest(p, peer)
        await peer.close()


async def test_interim_responses() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    response = early + early + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    async with origin(partial(say, response, [])) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch()
        assert (seen.interim, seen.status, bytes(seen.body)) == ([103, 103], 200, b"x")
        await peer.close()


async def test_expectation() -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"100-continue" in head
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(4) == b"abcd"
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await peer.rest()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        fields = [(b"content-length", b"4"), (b"expect", b"100-continue")]
        await peer.send(peer.request("/", "POST", *fields, end=False))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].interim == [100])
        await peer.send(data(1, b"abcd", end=True))
        assert (await peer.over(1)).status == 200
        await peer.close()


async def test_an_unknown_expectation_is_refused() -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        assert (await peer.fetch("/", "GET", (b"expect", b"the-unexpected"))).status == 417
        await at_rest(p, peer)
        await peer.close()


async def test_a_tunnel() -> None:
    async def script(peer: Peer) -> None:
        assert await peer.exactly(4) == b"ping"
        await peer.send(b"pong")
        assert await peer.rest() == b"the end"
        await peer.send(b"and of ours")
        await peer.finish()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request(method="CONNECT", end=False, authority=f"127.0.0.1:{server.port}"))
        await peer.send(data(1, b"ping"))
        await peer.until(lambda: 1 in peer.seen and bytes(peer.seen[1].body) == b"pong")
        await peer.send(data(1, b"the end", end=True))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body), seen.reset) == (200, b"pongand of ours", None)
        assert b"content-length" not in seen.head
        await at_rest(p, peer)
        await peer.close()


@pytest.mark.parametrize("together", [True, False])
async def test_what_comes_with_the_request_for_a_tunnel_is_the_tunnels(together: bool) -> None:
    async def script(peer: Peer) -> None:
        assert await peer.rest() == b"early"
        await peer.send(b"thanks")
        await peer.finish()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        head = peer.request(method="CONNECT", end=False, authority=f"127.0.0.1:{server.port}")
        if together:
            await peer.send(head, data(1, b"early", True))
        else:
            await peer.send(head)
            await until(lambda: session_of(p).running)
            await peer.send(data(1, b"early", True))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body), seen.reset) == (200, b"thanks", None)
        await peer.close()


async def test_a_request_without_an_authority_is_answered() -> None:
    """RFC 9112 section 3.2 has an answer for what names no host, which a reset would keep from the client."""
    async with proxy(service=answer, http2=H2) as p:
        peer = await http2_client(p.port)
        for number in range(1, 2 * RESETS + 20, 2):
            await peer.send(peer.headers(number, [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")], True))
            seen = await peer.over(number)
            assert (seen.status, seen.reset) == (400, None)
            assert seen.head[b"l5d-err"] == b"neither%20:authority%20nor%20Host"
        await peer.still_there()
        await peer.close()


async def test_a_refusal_of_a_head_that_was_not_read_has_no_body() -> None:
    """It may be one of HEAD."""
    async with proxy(service=answer, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "HEAD", *[(b"x-large", b"v" * 2000)] * 32))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body), seen.ended) == (431, b"", True)
        assert seen.head[b"content-length"] == b"0"
        await peer.close()


async def test_more_streams_than_are_allowed_before_that_is_known_are_no_flood() -> None:
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(max_streams=3)) as p:
        peer = await http2_client(p.port)
        await peer.send(*[peer.request() for _ in range(RESETS + 50)])
        await peer.over(2 * RESETS + 99)
        await peer.still_there()
        assert not peer.goaways
        held.release()
        for number in (1, 3, 5):
            assert (await peer.over(number)).status == 200
        await peer.close()


async def test_more_streams_than_are_allowed_from_one_who_acknowledges_nothing_end() -> None:
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(max_streams=3)) as p:
        peer = await http2_client(p.port)
        burst = b"".join(peer.request() for _ in range(UNTOLD_REFUSALS + RESETS + 10))
        await peer.stream.send_all(burst)
        await peer.rest()
        assert [code for _, code, _ in peer.goaways if code] == [http2.ENHANCE_YOUR_CALM]
        await until(lambda: not held.there)


async def test_an_early_response_ends_and_then_is_reset_without_an_error() -> None:
    async with proxy(service=answer, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"x" * 1000))
        seen = await peer.over(1)
        await peer.until(lambda: seen.reset is not None)
        assert (seen.status, bytes(seen.body), seen.ended, seen.reset) == (200, b"hello", True, http2.NO_ERROR)
        # What was under way is no fault, and its windows come back.
        await peer.send(data(1, b"x" * 16384), data(1, b"x" * 16384), peer.headers(1, [(b"a", b"b")], end=True))
        assert (await peer.fetch()).status == 200
        await at_rest(p, peer)
        await peer.close()


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
    ids=["length", "chunks"],
)
async def test_a_response_that_is_cut_short_is_reset_and_never_ended(response: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(response)

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch()
        assert (bytes(seen.body), seen.ended, seen.reset) == (b"hello", False, http2.INTERNAL_ERROR)
        await at_rest(p, peer)
        await peer.close()


async def test_a_service_that_writes_less_than_it_announced_is_cut_short() -> None:
    async def less(exchange: Exchange) -> None:
        await soon(exchange.reply.begin(Response(200, b"", b"", 10), b"hello"))
        await exchange.reply.finish()

    async with proxy(service=less, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch()
        assert (seen.ended, seen.reset) == (False, http2.INTERNAL_ERROR)
        await peer.close()


async def test_many_at_a_time_on_one_session() -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        wanted = {2 * n + 1: b"%d" % n for n in range(300)}
        await peer.send(*[peer.request("/", "POST", end=False, stream=n) for n in wanted])
        await peer.send(*[data(n, body, end=True) for n, body in reversed(wanted.items())])
        await peer.until(lambda: sum(seen.over for seen in peer.seen.values()) == 300)
        assert {n: bytes(peer.seen[n].body) for n in wanted} == wanted
        await at_rest(p, peer)
        await peer.close()


async def test_more_streams_than_are_allowed_are_refused_and_may_be_sent_again() -> None:
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(max_streams=3)) as p:
        peer = await http2_client(p.port)
        await peer.send(*[peer.request() for _ in range(5)])
        await peer.over(9)
        assert peer.settings[http2.MAX_CONCURRENT_STREAMS] == 3
        assert [peer.seen[n].reset for n in (7, 9)] == [http2.REFUSED_STREAM] * 2
        held.release()
        for number in (1, 3, 5):
            assert (await peer.over(number)).status == 200
        assert (await peer.fetch()).status == 200
        await at_rest(p, peer)
        await peer.close()


async def test_a_fault_of_ours_answers_and_the_session_goes_on() -> None:
    async def broken(exchange: Exchange) -> None:
        await body_of(exchange)
        raise ValueError("a fault")

    async with proxy(service=broken, http2=H2) as p:
        peer = await http2_client(p.port)
        assert (await peer.fetch()).status == 502
        assert (await peer.fetch()).status == 502
        assert len(p.faults) == 2
        await at_rest(p, peer)
        await peer.close()


async def test_counts() -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"x" * 1000, end=True))
        await peer.over(1)
        await until(lambda: p.stats.sent_bytes == 1000)
        assert (p.stats.received_bytes, p.stats.connections, p.stats.connects) == (1000, 1, 1)
        whole(await at_rest(p, peer))
        await peer.close()
        await until(lambda: p.stats.closes == 1)
        assert (p.stats.connections, p.stats.protocol_errors) == (0, 0)


async def test_a_response_of_unknown_length() -> None:
    async def pieces(exchange: Exchange) -> None:
        await soon(exchange.reply.begin(Response(200, b"", b"", CHUNKED), b""))
        for piece in (b"a", b"", b"b"):
            await exchange.reply.push(piece)
        await exchange.reply.finish()

    async with proxy(service=pieces, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch()
        assert (bytes(seen.body), seen.ended, b"content-length" in seen.head) == (b"ab", True, False)
        await peer.close()
