"""WebSockets and other protocols through both versions (RFC 8441): extended CONNECT here, Upgrade there.

Covers `extended_connect`.
"""

from base64 import b64decode, b64encode
from hashlib import sha1

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.testing.http2 import CANCEL, Http2Peer, data, http2_client, http2_origin, rst_stream
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import HTTP_2, proxy

H2 = Http2ServerSettings()
ENABLE_CONNECT_PROTOCOL = 8


def extended(peer: Http2Peer, *fields: tuple[bytes, bytes], protocol: bytes = b"websocket") -> bytes:
    """HEADERS of an extended CONNECT on stream 1."""
    start = [(b":method", b"CONNECT"), (b":protocol", protocol), (b":scheme", b"http"), (b":path", b"/chat")]
    return peer.headers(1, [*start, (b":authority", b"x"), (b"sec-websocket-version", b"13"), *fields])


def accept(head: bytes) -> bytes:
    """What answers the key in a request's head, by RFC 6455 section 4.2.2."""
    key = head.lower().split(b"sec-websocket-key: ")[1].split(b"\r\n")[0]
    key = head[head.lower().index(b"sec-websocket-key: ") + 19 :][: len(key)]
    assert len(b64decode(key)) == 16
    return b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())


def switching(head: bytes, *lines: bytes) -> bytes:
    """The 101 of an endpoint."""
    words = [b"HTTP/1.1 101 Switching Protocols", b"Connection: Upgrade", b"Upgrade: websocket", *lines]
    return b"\r\n".join([*words, b"Sec-WebSocket-Accept: " + accept(head), b"", b""])


async def test_a_websocket_reaches_an_endpoint_of_http1() -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert head.startswith(b"GET /chat HTTP/1.1\r\n")
        assert b"\r\nupgrade: websocket\r\n" in head
        assert b"\r\nconnection: upgrade\r\n" in head
        assert b":protocol" not in head
        await peer.send(switching(head, b"Sec-WebSocket-Protocol: chat") + b"hello")
        await peer.send(b"you said " + await peer.rest())

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.until(lambda: peer.settings)
        assert peer.settings[ENABLE_CONNECT_PROTOCOL] == 1
        await peer.send(extended(peer))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].body == b"hello")
        seen = peer.seen[1]
        assert seen.status == 200
        assert seen.head[b"sec-websocket-protocol"] == b"chat"
        assert b"sec-websocket-accept" not in seen.head
        assert not seen.ended
        await peer.send(data(1, b"good "), data(1, b"day", True))
        await peer.over(1)
        assert seen.body == b"helloyou said good day"
        assert seen.reset is None
        await peer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["200", "another key", "no key"],
)
async def test_what_an_endpoint_did_not_accept_is_no_tunnel(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        seen = await peer.over(1)
        assert seen.status == 502
        await peer.close()


async def test_a_refusal_is_told() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body)) == (403, b"no")
        await peer.close()


async def test_who_leaves_resets_the_endpoint() -> None:
    ended: list[bool] = []

    async def script(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(switching(head) + b"hello")
        await peer.rest()
        ended.append(peer.reset)

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].body == b"hello")
        await peer.send(rst_stream(1, CANCEL))
        while not ended:
            await peer.still_there()
        assert ended == [True]
        await peer.close()


async def test_an_endpoint_that_breaks_off_resets_the_stream() -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(switching(head) + b"hello")
        peer.abort()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        seen = await peer.over(1)
        assert seen.reset is not None
        assert not seen.ended
        assert (await peer.fetch("/other")).over  # the session goes on
        await peer.close()


KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)


async def takes(peer: Http2Peer) -> None:
    """An endpoint that takes extended CONNECT, and answers what it is told."""
    await peer.greet((ENABLE_CONNECT_PROTOCOL, 1))
    seen = await peer.opened()
    assert (seen.head[b":method"], seen.head[b":protocol"], seen.head[b":path"]) == (b"CONNECT", b"websocket", b"/chat")
    assert b"sec-websocket-key" not in seen.head
    assert seen.head[b"sec-websocket-version"] == b"13"
    await peer.send(peer.response(1, 200, (b"sec-websocket-protocol", b"chat")), data(1, b"hello"))
    await peer.over(1)
    await peer.send(data(1, b"you said " + bytes(seen.body), True))


async def test_a_websocket_of_http1_reaches_an_endpoint_of_http2() -> None:
    async with http2_origin(takes) as server, proxy(server.port, connections=HTTP_2) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE + b"good ")
        head = await peer.head()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head  # RFC 6455 section 1.3
        assert b"\r\nupgrade: websocket\r\n" in head
        assert await peer.exactly(5) == b"hello"
        await peer.send(b"day")
        await peer.finish()
        assert await peer.rest() == b"you said good day"


async def test_through_http2_on_both_sides() -> None:
    async with http2_origin(takes) as server, proxy(server.port, http2=H2, connections=HTTP_2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer), data(1, b"good "), data(1, b"day", True))
        seen = await peer.over(1)
        assert seen.status == 200
        assert seen.head[b"sec-websocket-protocol"] == b"chat"
        assert bytes(seen.body) == b"helloyou said good day"
        await peer.close()


async def plain(peer: Http2Peer) -> None:
    """An endpoint without extended CONNECT."""
    await peer.greet()
    seen = await peer.opened()
    await peer.send(peer.response(1, 200), data(1, seen.head[b":method"], True))
    await peer.rest()


async def test_an_endpoint_without_it_is_asked_without_it() -> None:
    async with http2_origin(plain) as server, proxy(server.port, connections=HTTP_2) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE)
        assert (await peer.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        await peer.close()


async def test_a_client_that_needs_it_is_told() -> None:
    async with http2_origin(plain) as server, proxy(server.port, http2=H2, connections=HTTP_2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        seen = await peer.over(1)
        assert seen.status == 502
        assert b"RFC 8441" in seen.body
        (node,) = p.client.endpoints.values()
        assert node.failures == 0  # any client could take it out of service otherwise
        await peer.close()


async def test_an_endpoint_of_http1_that_goes_on_without_has_not_failed() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await peer.rest()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(extended(peer))
        assert (await peer.over(1)).status == 502
        (node,) = p.client.endpoints.values()
        await until(lambda: not p.client.in_flight)
        assert node.failures == 0
        await peer.close()


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize("front", ["h1", "h2"])
async def test_a_tunnel_has_no_length_whatever_its_head_says(front: str, status: int) -> None:
    """RFC 9110 section 9.3.6."""

    async def serve(peer: Http2Peer) -> None:
        await peer.greet((ENABLE_CONNECT_PROTOCOL, 1))
        await peer.opened(1)
        await peer.send(peer.response(1, status, (b"content-length", b"0")), data(1, b"hello"))
        await peer.over(1)
        await peer.send(data(1, b"", True))
        await peer.rest()

    http2 = H2 if front == "h2" else None
    async with http2_origin(serve) as server, proxy(server.port, http2=http2, connections=HTTP_2) as p:
        if front == "h2":
            peer = await http2_client(p.port)
            await peer.send(extended(peer), data(1, b"", True))
            seen = await peer.over(1)
            assert (seen.status, bytes(seen.body), seen.reset) == (200, b"hello", None)
            assert b"content-length" not in seen.head
            await peer.close()
        else:
            old = await client(p.port)
            await old.send(UPGRADE)
            await old.finish()
            head, _, rest = (await old.rest()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"content-length" not in head.lower()
            assert rest == b"hello"
