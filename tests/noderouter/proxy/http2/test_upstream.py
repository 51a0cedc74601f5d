"""What endpoints of HTTP/2 get of requests of either version, and what their clients get of the responses.

The other way, to endpoints of HTTP/1, is in `test_server`.
"""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import hpack
import pytest

from noderouter.proxy.http2.client_session import ClientSession
from tests.noderouter.proxy.http2.fronts import FRONTS, fronted, send_data
from tests.testing.http import connect
from tests.testing.http2 import (
    CANCEL,
    DATA,
    END_STREAM,
    HEADERS,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    PADDED,
    Http2Peer,
    Seen,
    data,
    frame,
    http2_client,
    http2_origin,
    rst_stream,
)
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import Proxy

Answering = Callable[[Http2Peer, int], bytes]


def hello(peer: Http2Peer, number: int) -> bytes:
    return peer.response(number, 200, (b"content-length", b"5")) + data(number, b"hello", True)


@dataclass
class Site:
    """A proxy before an endpoint that answers each request with `answer` when it is whole."""

    answer: Answering
    early: bool = False
    requests: list[Seen] = field(default_factory=list)
    peers: list[Http2Peer] = field(default_factory=list)

    async def serve(self, peer: Http2Peer) -> None:
        self.peers.append(peer)
        await peer.greet()
        peer.giving = True
        number = 1
        try:
            while True:
                seen = await peer.opened(number)
                if not self.early:
                    await peer.over(number)
                self.requests.append(seen)
                await peer.send(self.answer(peer, number))
                number += 2
        except AssertionError:  # the router has left
            return


@asynccontextmanager
async def site(front: str, answer: Answering = hello, early: bool = False) -> AsyncIterator[tuple[Site, Proxy]]:
    found = Site(answer, early)
    async with http2_origin(found.serve) as server, fronted(front, server.port) as p:
        yield found, p


async def raw(p: Proxy, request: bytes) -> bytes:
    """Send bytes of HTTP/1, and read to the end."""
    peer = await client(p.port)
    await peer.send(request)
    return await peer.rest()


@pytest.mark.parametrize("front", FRONTS)
async def test_a_request_without_a_body(front: str) -> None:
    async with site(front) as (s, p):
        if front == "h1":
            await raw(p, b"GET /a?b HTTP/1.1\r\nHost: Example.com:8080\r\nX-Thing: One\r\nConnection: close\r\n\r\n")
        else:
            peer = await http2_client(p.port)
            await peer.send(peer.request("/a?b", "GET", (b"x-thing", b"One"), authority="Example.com:8080"))
            await peer.over(1)
            await peer.close()
        (block,) = s.requests[0].blocks
        via = b"1.1 linkerd" if front == "h1" else b"2.0 linkerd"
        assert dict(block) == {
            b":method": b"GET",
            b":scheme": b"http",
            b":authority": b"Example.com:8080",
            b":path": b"/a?b",
            b"x-thing": b"One",
            b"via": via,
        }
        assert [name for name, _ in block][:4] == [b":method", b":scheme", b":authority", b":path"]
        assert s.requests[0].ended
        assert not s.requests[0].pieces


def sessions() -> int:
    return sum(isinstance(each, ClientSession) for each in gc.get_objects())


@pytest.mark.parametrize("endpoint_first", [True, False])
async def test_a_session_that_is_over_leaves_no_ring_to_the_collector(endpoint_first: bool) -> None:
    """It comes seldom, and a session has tables of some kilobytes."""
    gc.collect()
    before = sessions()
    gc.disable()
    try:
        async with site("h2") as (s, p):
            peer = await http2_client(p.port)
            assert bytes((await peer.fetch()).body) == b"hello"
            assert sessions() == before + 1
            if endpoint_first:
                await s.peers[0].close()
                await until(lambda: sessions() == before)
            await peer.close()
        assert sessions() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [0, 1, 5000, 16_384, 16_385, 70_000, 300_000])
@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("told", [True, False])
async def test_bodies_with_and_without_a_length(front: str, size: int, told: bool) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    async with site(front) as (s, p):
        if front == "h1":
            http = await connect(p.port)
            answer = await http.ask("x", "/", method="POST", body=body, chunked=not told)
            assert (answer.status, answer.body) == (200, b"hello")
            await http.close()
        else:
            peer = await http2_client(p.port)
            length = ((b"content-length", b"%d" % size),) if told else ()
            await peer.send(peer.request("/", "POST", *length, end=not size))
            await send_data(peer, 1, body)
            assert bytes((await peer.over(1)).body) == b"hello"
            await peer.close()
        assert bytes(s.requests[0].body) == body
        # A body that is at hand is counted, whoever said so.
        assert s.requests[0].head.get(b"content-length") in ((b"%d" % size,) if told else (None, b"%d" % size))


@pytest.mark.parametrize("front", FRONTS)
async def test_trailers_go_both_ways(front: str) -> None:
    def answer(peer: Http2Peer, number: int) -> bytes:
        start = peer.response(number, 200, (b"trailer", b"x-sum")) + data(number, b"hello")
        return start + peer.headers(number, [(b"x-sum", b"2")], end=True)

    async with site(front, answer) as (s, p):
        if front == "h1":
            got = await raw(
                p,
                b"POST / HTTP/1.1\r\nHost: x\r\nTE: gzip, trailers\r\nTrailer: X-Sum\r\nConnection: TE, close\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
            )
            assert b"\r\ntrailer: x-sum\r\n" in got
            assert got.endswith(b"5\r\nhello\r\n0\r\nx-sum: 2\r\n\r\n")
        else:
            peer = await http2_client(p.port)
            await peer.send(
                peer.request("/", "POST", (b"te", b"trailers"), (b"trailer", b"x-sum"), end=False),
                data(1, b"abc"),
                peer.headers(1, [(b"x-sum", b"1")], end=True),
            )
            seen = await peer.over(1)
            assert (seen.head[b"trailer"], bytes(seen.body), seen.trailers) == (b"x-sum", b"hello", {b"x-sum": b"2"})
            await peer.close()
        request = s.requests[0]
        assert (request.head[b"te"], request.head[b"trailer"].lower()) == (b"trailers", b"x-sum")
        assert bytes(request.body) == b"abc"
        assert {name.lower(): value for name, value in request.trailers.items()} == {b"x-sum": b"1"}


async def test_trailers_that_are_never_indexed_stay_so_both_ways() -> None:
    """A literal with a new name that no table may have (RFC 7541 section 6.2.3), and the length of the name."""
    secret = hpack.NeverIndexedHeaderTuple(b"x-secret", b"1")

    def answer(peer: Http2Peer, number: int) -> bytes:
        return peer.response(number) + data(number, b"hello") + peer.headers(number, [secret], end=True)

    async with site("h2", answer) as (s, p):
        peer = await http2_client(p.port)
        begun = peer.request("/", "POST", (b"te", b"trailers"), end=False)
        await peer.send(begun, data(1, b"abc"), peer.headers(1, [secret], end=True))
        assert (await peer.over(1)).trailers == {b"x-secret": b"1"}
        await peer.close()
        for end in (peer, s.peers[0]):
            assert any(b"\x10\x08x-secret" in each.payload for each in end.frames if each.kind == HEADERS)


async def test_what_is_of_the_connection_stays_there() -> None:
    """Nothing that HTTP/2 has no place for reaches it (RFC 9113 section 8.2.2)."""
    async with site("h1") as (s, p):
        await raw(
            p,
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n"
            b"Proxy-Connection: close\r\nTE: gzip\r\nCookie: a=1; b=2\r\n\r\n",
        )
        head = s.requests[0].head
        left = {b"connection", b"x-mine", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
        assert not left & set(head)
        assert head[b"cookie"] == b"a=1; b=2"


async def test_names_are_in_lower_case_and_crumbs_of_cookies_one_line() -> None:
    async with site("h2") as (s, p):
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "GET", (b"cookie", b"a=1"), (b"cookie", b"b=2")))
        await peer.over(1)
        assert [value for name, value in s.requests[0].blocks[0] if name == b"cookie"] == [b"a=1; b=2"]
        await peer.close()
    async with site("h1") as (s, p):
        await raw(p, b"GET / HTTP/1.1\r\nHost: x\r\nX-UPPER: Stays\r\nConnection: close\r\n\r\n")
        assert s.requests[0].head[b"x-upper"] == b"Stays"


@pytest.mark.parametrize("target", [b"OPTIONS *", b"GET /a%20b;c=d?e=f&g"])
async def test_targets(target: bytes) -> None:
    async with site("h1") as (s, p):
        await raw(p, target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert s.requests[0].head[b":path"] == target.split()[1]


async def test_what_no_table_may_hold_goes_on_as_such() -> None:
    async with site("h2") as (s, p):
        peer = await http2_client(p.port)
        secret = hpack.NeverIndexedHeaderTuple(b"x-secret", b"never")
        start = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/")]
        for number in (1, 3, 5):
            await peer.send(peer.headers(number, [*start, secret], end=True))
            await peer.over(number)
        assert len(s.requests) == 3
        table = s.peers[0].decoder.header_table
        assert not [entry for entry in table.dynamic_entries if entry[0] == b"x-secret"]
        await peer.close()


@dataclass(frozen=True)
class Shape:
    """A response, and what is to become of it for either client: status, body, fields that are there."""

    name: str
    answer: Answering
    method: str = "GET"
    status: int = 200
    body: bytes = b"hello"
    length: bytes | None = b"5"

    def __str__(self) -> str:
        return self.name


def length(count: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % count


def padded(number: int, payload: bytes) -> bytes:
    return frame(DATA, PADDED | END_STREAM, number, b"\xff" + payload + bytes(255))


def ended(number: int) -> bytes:
    return data(number, b"", True)


HINT = b"link", b"</a>"
SHAPES = (
    Shape("counted", hello),
    Shape("of unknown length, whole", lambda p, n: p.response(n) + data(n, b"hello", True)),
    Shape("that ends behind", lambda p, n: p.response(n) + data(n, b"hello") + ended(n)),
    Shape("in pieces", lambda p, n: p.response(n) + data(n, b"he") + data(n, b"l") + data(n, b"lo") + ended(n)),
    Shape("counted, in pieces", lambda p, n: p.response(n, 200, length(5)) + data(n, b"he") + data(n, b"llo", True)),
    Shape("counted, that ends behind", lambda p, n: p.response(n, 200, length(5)) + data(n, b"hello") + ended(n)),
    Shape("empty", lambda p, n: p.response(n, end=True), body=b"", length=b"0"),
    Shape("empty, and counted", lambda p, n: p.response(n, 200, length(0), end=True), body=b"", length=b"0"),
    Shape("empty, with DATA", lambda p, n: p.response(n) + ended(n), body=b"", length=b"0"),
    Shape("204", lambda p, n: p.response(n, 204, end=True), status=204, body=b"", length=None),
    Shape("204 with a length", lambda p, n: p.response(n, 204, length(5), end=True), status=204, body=b"", length=None),
    Shape("204 that ends behind", lambda p, n: p.response(n, 204) + ended(n), status=204, body=b"", length=None),
    Shape("304 with a length", lambda p, n: p.response(n, 304, length(9), end=True), status=304, body=b"", length=b"9"),
    Shape("304", lambda p, n: p.response(n, 304, end=True), status=304, body=b"", length=None),
    Shape("HEAD", lambda p, n: p.response(n, 200, length(5), end=True), method="HEAD", body=b""),
    Shape("HEAD that ends behind", lambda p, n: p.response(n, 200, length(5)) + ended(n), "HEAD", body=b""),
    Shape("HEAD of unknown length", lambda p, n: p.response(n, end=True), "HEAD", body=b"", length=None),
    Shape("interim ones before it", lambda p, n: p.response(n, 103, HINT) + p.response(n, 102) + hello(p, n)),
    Shape("an unusual status", lambda p, n: p.response(n, 799, length(5)) + data(n, b"hello", True), status=799),
    Shape("padded", lambda p, n: p.response(n) + padded(n, b"hello")),
)  # fmt: skip


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_responses(shape: Shape, front: str) -> None:
    async with site(front, shape.answer) as (_, p):
        if front == "h1":
            http = await connect(p.port)
            answer = await http.ask("x", method=shape.method)
            assert (answer.status, answer.body) == (shape.status, shape.body)
            chunked = answer["transfer-encoding"] == "chunked"
            assert chunked or answer["content-length"] == (None if shape.length is None else shape.length.decode())
            again = await http.ask("x", method=shape.method)  # the connection goes on
            assert again.status == shape.status
            if "interim" in shape.name:
                assert answer.interim == [103, 102]
            await http.close()
        else:
            peer = await http2_client(p.port)
            await peer.send(peer.request("/", shape.method))
            seen = await peer.over(1)
            assert (seen.status, bytes(seen.body), seen.reset) == (shape.status, shape.body, None)
            assert seen.head.get(b"content-length", shape.length) == shape.length
            assert seen.head[b"via"] == b"2.0 linkerd"
            if "interim" in shape.name:
                assert seen.interim == [103, 102]
                assert (b"link", b"</a>") in seen.blocks[0]
            await peer.close()


async def test_a_client_of_the_old_version_has_no_chunks_no_interim_ones_and_no_trailers() -> None:
    def answer(peer: Http2Peer, number: int) -> bytes:
        start = peer.response(number, 103) + peer.response(number, 200, (b"trailer", b"a")) + data(number, b"hello")
        return start + peer.headers(number, [(b"a", b"b")], end=True)

    async with site("h1", answer) as (s, p):
        got = await raw(p, b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"transfer-encoding" not in head
        assert b"content-length" not in head
        assert body == b"hello"
        assert s.requests[0].head[b"via"] == b"1.0 linkerd"
        assert b":authority" not in s.requests[0].head


async def test_a_client_that_has_finished_sending_has_its_response() -> None:
    async with site("h1") as (_, p):
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.finish()
        assert (await peer.rest()).endswith(b"hello")


async def test_a_client_that_expects_to_be_asked_is_asked_by_the_endpoint() -> None:
    async def serve(peer: Http2Peer) -> None:
        await peer.greet()
        seen = await peer.opened()
        assert seen.head[b"expect"] == b"100-continue"
        await peer.send(peer.response(1, 100))
        await peer.over(1)
        await peer.send(peer.response(1) + data(1, bytes(seen.body), True))
        await peer.rest()

    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", (b"expect", b"100-continue"), end=False))
        await peer.until(lambda: peer.seen.get(1) and peer.seen[1].interim)
        await peer.send(data(1, b"asked", True))
        assert bytes((await peer.over(1)).body) == b"asked"
        await peer.close()


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("front", FRONTS)
async def test_a_response_before_the_request_is_whole(front: str, reset: bool) -> None:
    """The endpoint has said all, and takes no more (RFC 9113 section 8.1)."""

    def answer(peer: Http2Peer, number: int) -> bytes:
        start = peer.response(number, 413, length(5)) + data(number, b"large", True)
        return start + rst_stream(number, NO_ERROR) if reset else start

    async with site(front, answer, early=True) as (s, p):
        if front == "h1":
            http = await connect(p.port)
            await http.peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nabc")
            got = await http.answer()
            assert (got.status, got.body) == (413, b"large")
            await http.close()
        else:
            peer = await http2_client(p.port)
            await peer.send(peer.request("/", "POST", end=False), data(1, b"abc"))
            seen = await peer.over(1)
            assert (seen.status, bytes(seen.body), seen.reset) == (413, b"large", None)
            await peer.until(lambda: seen.reset == NO_ERROR)
            await peer.close()
        await until(lambda: not p.client.in_flight)
        end = s.requests[0]
        if not reset:
            await until(lambda: end.reset is not None)
            assert end.reset in (NO_ERROR, CANCEL)
        (endpoint,) = p.client.endpoints.values()
        assert endpoint.pool.size == 1


async def test_a_client_that_leaves_resets_its_stream_in_every_state_and_no_other() -> None:
    """Before the settings are here, while it waits, while it sends, within the response."""

    def answer(peer: Http2Peer, number: int) -> bytes:
        path = peer.seen[number].head[b":path"]
        return {b"/wait": b"", b"/send": b""}.get(path) or peer.response(number) + data(number, b"some")

    async with site("h2", answer, early=True) as (s, p):
        peer = await http2_client(p.port)
        await peer.send(
            peer.request("/stays"),
            peer.request("/wait"),
            peer.request("/send", "POST", end=False) + data(5, b"some"),
            peer.request("/within"),
        )
        await peer.until(lambda: len(s.requests) == 4 and peer.seen.get(7) and peer.seen[7].body)
        await peer.send(rst_stream(3), rst_stream(5), rst_stream(7))
        await until(lambda: [seen.reset for seen in s.requests[1:]] == [CANCEL] * 3)
        assert s.requests[0].reset is None
        origin = s.peers[0]
        await origin.send(data(1, b" more", True))
        assert bytes((await peer.over(1)).body) == b"some more"
        await until(lambda: not p.client.in_flight)
        await peer.close()


async def test_many_at_a_time_respect_what_the_endpoint_allows() -> None:
    most = 0

    async def serve(peer: Http2Peer) -> None:
        nonlocal most
        await peer.greet((MAX_CONCURRENT_STREAMS, 5))
        done = set()
        try:
            while await peer.read() is not None:
                live = [number for number, seen in peer.seen.items() if seen.ended and number not in done]
                most = max(most, len(live))
                if len(live) >= 3 or peer.seen.keys() == done | set(live):
                    for number in live:
                        done.add(number)
                        await peer.send(hello(peer, number))
        except AssertionError:
            return

    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        peer = await http2_client(p.port)
        await peer.fetch("/first")
        numbers = range(3, 3 + 2 * 60, 2)
        await peer.send(*[peer.request("/") for _ in numbers])
        for number in numbers:
            assert (await peer.over(number)).status == 200
        assert most <= 5
        await peer.close()


async def test_an_endpoint_of_the_old_version_is_told_apart() -> None:
    async def old(peer: Peer) -> None:
        await peer.more()
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with origin(old) as server, fronted("h2", server.port) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch("/")
        assert seen.status == 502
        assert b"the endpoint speaks HTTP/1" in seen.body
        await peer.close()
