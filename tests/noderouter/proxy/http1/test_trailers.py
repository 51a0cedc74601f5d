"""Trailer fields: announced, asked for and carried, wherever the framing of this hop has room for them."""

import pytest

from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Back\r\nTRAILER: X-More\r\n\r\n"
LAST = b"0\r\nX-Back: yes\r\nX-More: no\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def fields(head: bytes, *names: bytes) -> list[bytes]:
    """The lines of a head that are called so."""
    return [line for line in head.split(b"\r\n") if line.partition(b":")[0].lower() in names]


@pytest.mark.parametrize("apart", [False, True])
async def test_trailers_are_announced_both_ways_and_come(apart: bool) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        while await peer.more():
            heads.append(await peer.head())
            assert await peer.until(b"0\r\n") == b"3\r\nabc\r\n0\r\n"
            assert await peer.until(b"\r\n\r\n") == b"X-Sum: 7\r\n\r\n"
            for piece in (CHUNKED, b"2\r\nok\r\n", LAST) if apart else (CHUNKED + b"2\r\nok\r\n" + LAST,):
                await peer.send(piece)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(
                b"POST / HTTP/1.1\r\nHost: x\r\nTE: gzip;q=0.5, Trailers\r\nConnection: TE\r\nTrailer: X-Sum\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
            )
            assert fields(await peer.head(), b"trailer", b"content-length") == [b"trailer: X-Back, X-More"]
            assert await peer.until(b"0\r\n") == b"2\r\nok\r\n0\r\n"
            assert await peer.until(b"\r\n\r\n") == b"X-Back: yes\r\nX-More: no\r\n\r\n"
        assert len(server.peers) == 1
        await peer.close()
    for head in heads:
        assert fields(head, b"te", b"connection", b"trailer") == [
            b"trailer: X-Sum",
            b"connection: te",
            b"te: trailers",
        ]


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nTE: gzip\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTE:\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTE: trailers;q=1\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTE: x\r\nTE: trailers\r\n\r\n", [b"connection: te", b"te: trailers"]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTrailer: a\r\n\r\n", [b"connection: te", b"te: trailers"]),
        (b"GET / HTTP/1.0\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n\r\n", []),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTrailer: a\r\nContent-Length: 1\r\n\r\nx", []),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, Upgrade\r\nUpgrade: websocket\r\n\r\n",
            [b"connection: upgrade, te", b"upgrade: websocket", b"te: trailers"],
        ),
    ],
)
async def test_what_is_asked_of_the_next_hop(request_: bytes, sent: list[bytes]) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(request_)
        await peer.head()
        await peer.close()
    assert fields(heads[0], b"te", b"connection", b"upgrade", b"trailer") == sent


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nTrailer: X-Back\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTrailer: X-Back\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",  # is counted
        b"HTTP/1.1 204 No Content\r\nTrailer: X-Back\r\n\r\n",
    ],
)
async def test_nothing_is_announced_that_has_no_place(response: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(response)
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert fields(await peer.head(), b"trailer") == []
        await peer.close()


async def test_a_client_of_1_0_gets_the_body_without_them() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED + b"2\r\nok\r\n" + LAST)
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
        whole = await peer.rest()
        assert whole.endswith(b"\r\n\r\nok")
        assert b"railer" not in whole
