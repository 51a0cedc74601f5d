"""Responses that worked without a router although they are not as they should be: framed anew, or refused."""

import pytest

from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.transport import TransportLimits
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

STRICT = PoolSettings(limits=TransportLimits(lenient=False))
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

REPAIRED = {
    "LF": b"HTTP/1.1 200 OK\nA: b\nContent-Length: 2\n\nok",
    "lengths": b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2, 2\r\n\r\nok",
    "a fold": b"HTTP/1.1 200 OK\r\nA:\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "a space": b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length : 2\r\n\r\nok",
    "behind an interim response": b"HTTP/1.1 103 Hints\nA: c\n\nHTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok",
}


def again(data: bytes):
    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(data)

    return script


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("name", REPAIRED)
async def test_a_repaired_response_is_framed_anew_and_the_last_on_its_connection(name, apart):
    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            data = REPAIRED[name]
            for piece in (data[i : i + 1] for i in range(len(data))) if apart else (data,):
                await peer.send(piece)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for number in (1, 2):
            await peer.send(GET)
            head = await peer.head()
            if head.startswith(b"HTTP/1.1 103 "):
                assert head == b"HTTP/1.1 103 Hints\r\nA: c\r\n\r\n"
                head = await peer.head()
            assert head.startswith(b"HTTP/1.1 200 OK\r\nA: b\r\n")
            assert head.count(b"\n") == head.count(b"\r\n")
            assert head.lower().count(b"content-length: 2\r\n") == 1
            assert b"connection: close" not in head
            assert await peer.exactly(2) == b"ok"
            assert len(server.peers) == number
        await peer.close()


@pytest.mark.parametrize("name", REPAIRED)
async def test_it_is_refused_where_responses_are_strict(name):
    async with origin(again(REPAIRED[name])) as server, proxy(server.port, pool=STRICT) as p:
        peer = await client(p.port)
        await peer.send(GET)
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_two_readings_of_one_response_are_refused():
    for framing in (b"Content-Length: 2\nContent-Length: 3\n", b"Content-Length: 2\nTransfer-Encoding: chunked\n"):
        async with origin(again(b"HTTP/1.1 200 OK\n" + framing + b"\nok")) as server, proxy(server.port) as p:
            peer = await client(p.port)
            await peer.send(GET)
            assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
            await peer.close()


@pytest.mark.parametrize("status", [600, 799, 999])
async def test_a_status_that_nobody_has_defined_is_carried_and_is_a_failure(status):
    """RFC 9110 section 15: it is treated as a 5xx."""
    data = b"HTTP/1.1 %d Odd\r\nContent-Length: 2\r\n\r\nok" % status
    async with origin(again(data)) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(GET)
            head = await peer.head()
            assert head.startswith(b"HTTP/1.1 %d Odd\r\n" % status)
            assert b"l5d-success-class: 0.0\r\n" in head
            assert await peer.exactly(2) == b"ok"
        assert len(server.peers) == 1
        await peer.close()
    async with origin(again(data)) as server, proxy(server.port, pool=STRICT) as p:
        peer = await client(p.port)
        await peer.send(GET)
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        await peer.close()
