"""What HTTP/1 has and HTTP/2 has not, or has otherwise, on the way to an endpoint and back; trailers above all.

Covers `translate.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.noderouter.proxy.http2.fronts import FRONTS, fronted
from tests.testing.http2 import Http2Peer, data, http2_client, http2_origin
from tests.testing.loop import until
from tests.testing.origin import client
from tests.testing.proxy import Proxy

GRPC = b"content-type", b"application/grpc"
ANNOUNCED = b"trailer", b"x-sum"


class Counted:
    """An endpoint whose responses have both Content-Length and trailers, which it sends when it is told."""

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.fields = fields
        self.requests: list[Http2Peer] = []

    async def serve(self, peer: Http2Peer) -> None:
        await peer.greet()
        number = 1
        try:
            while True:
                await peer.opened(number)
                head = peer.response(number, 200, (b"content-length", b"5"), *self.fields)
                await peer.send(head, data(number, b"hello"))
                self.requests.append(peer)
                number += 2
        except AssertionError:
            return

    async def end(self) -> None:
        await until(lambda: self.requests)
        peer = self.requests[-1]
        await peer.send(peer.headers(1, [(b"grpc-status", b"0"), (b"x-sum", b"1")], True))


@asynccontextmanager
async def before(endpoint: Counted, front: str) -> AsyncIterator[Proxy]:
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        yield p


@pytest.mark.parametrize(("asked", "told"), [((GRPC,), (GRPC,)), ((), (ANNOUNCED,))], ids=["gRPC", "announced"])
async def test_trailers_behind_what_content_length_counts_reach_a_client_of_http2(
    asked: tuple[tuple[bytes, bytes], ...], told: tuple[tuple[bytes, bytes], ...]
) -> None:
    endpoint = Counted(*told)
    async with before(endpoint, "h2") as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/a.B/C", "POST", (b"te", b"trailers"), *asked))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].body == b"hello")
        assert p.client.in_flight == 1  # its verdict is in what comes
        await endpoint.end()
        seen = await peer.over(1)
        assert (seen.status, seen.trailers, seen.reset) == (200, {b"grpc-status": b"0", b"x-sum": b"1"}, None)
        await peer.close()


async def test_trailers_behind_what_content_length_counts_reach_a_client_of_http1() -> None:
    endpoint = Counted(ANNOUNCED)
    async with before(endpoint, "h1") as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te, close\r\n\r\n")
        await endpoint.end()
        head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
        assert b"content-length" not in head.lower()
        assert body == b"5\r\nhello\r\n0\r\ngrpc-status: 0\r\nx-sum: 1\r\n\r\n"


async def test_trailers_that_nobody_announced_do_not_delay_what_is_counted() -> None:
    endpoint = Counted()
    async with before(endpoint, "h2") as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/"))
        seen = await peer.over(1)
        assert (seen.head[b"content-length"], bytes(seen.body), len(seen.blocks)) == (b"5", b"hello", 1)
        await endpoint.end()
        await until(lambda: not p.client.in_flight)
        await peer.close()


class Plain:
    """Answers each request; notes its head."""

    def __init__(self) -> None:
        self.heads: list[dict[bytes, bytes]] = []

    async def serve(self, peer: Http2Peer) -> None:
        await peer.greet()
        number = 1
        try:
            while True:
                seen = await peer.opened(number)
                assert seen.reset is None
                self.heads.append(seen.head)
                await peer.send(peer.response(number) + data(number, b"fine", True))
                number += 2
        except AssertionError:
            return


async def test_a_target_that_http2_does_not_have_is_refused_and_is_no_failure_of_the_endpoint() -> None:
    endpoint = Plain()
    async with http2_origin(endpoint.serve) as server, fronted("h1", server.port) as p:
        for raw in (b"/\xc3\xa9", b"/fine"):
            peer = await client(p.port)
            await peer.send(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % raw)
            got = await peer.rest()
            assert got.startswith(b"HTTP/1.1 400 " if raw != b"/fine" else b"HTTP/1.1 200 ")
        assert [head[b":path"] for head in endpoint.heads] == [b"/fine"]
        (node,) = p.client.endpoints.values()
        assert node.failures == 0


async def test_a_request_without_an_authority_has_no_empty_one() -> None:
    """RFC 9113 section 8.3.1; Host may be empty (RFC 9112 section 3.2), and :authority may not."""
    endpoint = Plain()
    async with http2_origin(endpoint.serve) as server, fronted("h1", server.port) as p:
        for head in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"):
            peer = await client(p.port)
            await peer.send(head)
            assert (await peer.rest()).endswith(b"fine")
        assert [head.get(b":authority") for head in endpoint.heads] == [None, None]


@pytest.mark.parametrize("front", FRONTS)
async def test_options_of_the_whole_server(front: str) -> None:
    """RFC 9112 section 3.2.4: absolute-form without a path means the server, and no resource of its."""
    endpoint = Plain()
    async with http2_origin(endpoint.serve) as server, fronted(front, server.port) as p:
        if front == "h2":
            other = await http2_client(p.port)
            assert (await other.fetch("*", "OPTIONS")).status == 200
            await other.close()
        else:
            peer = await client(p.port)
            await peer.send(b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert (await peer.rest()).startswith(b"HTTP/1.1 200 ")
        assert [head[b":path"] for head in endpoint.heads] == [b"*"]
