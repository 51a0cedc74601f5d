"""`Upgrade: h2c`: from a request of HTTP/1.1 to a session whose first stream answers it."""

from base64 import urlsafe_b64encode

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.testing.http2 import INITIAL_WINDOW_SIZE, Http2Peer, window_update
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"


def request(settings: bytes = b"", connection: bytes = b"Upgrade, HTTP2-Settings", more: bytes = b"") -> bytes:
    """A request that asks to go on in HTTP/2."""
    return (
        b"GET /first HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: " + connection + b"\r\n"
        b"HTTP2-Settings: " + urlsafe_b64encode(settings).rstrip(b"=") + b"\r\n" + more + b"\r\n"
    )


async def echo(peer: Peer) -> None:
    """Answers each request with its first line."""
    while await peer.more():
        line = (await peer.head()).split(b"\r\n")[0]
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(line), line))


@pytest.mark.parametrize("together", [True, False])
async def test_it_is_answered_on_stream_1(together: bool) -> None:
    async with origin(echo) as server, proxy(server.port, http2=H2) as p:
        raw = await client(p.port)
        peer = Http2Peer(raw.stream, True)
        peer.skip_to(3)
        await raw.send(request())
        if together:
            await peer.greet()
        assert await raw.head() == SWITCHING
        peer.take_over(raw.buffer)
        if not together:
            await peer.greet()
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body)) == (200, b"GET /first HTTP/1.1")
        second = await peer.fetch("/second")
        assert bytes(second.body) == b"GET /second HTTP/1.1"
        await peer.close()


async def test_its_settings_hold() -> None:
    async with origin(echo) as server, proxy(server.port, http2=H2) as p:
        raw = await client(p.port)
        peer = Http2Peer(raw.stream, True)
        await raw.send(request(INITIAL_WINDOW_SIZE.to_bytes(2, "big") + (3).to_bytes(4, "big")))
        assert await raw.head() == SWITCHING
        peer.take_over(raw.buffer)
        await peer.greet((INITIAL_WINDOW_SIZE, 3))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].body)
        assert bytes(peer.seen[1].body) == b"GET"
        await peer.send(window_update(1, 100))
        assert bytes((await peer.over(1)).body) == b"GET /first HTTP/1.1"
        await peer.close()


@pytest.mark.parametrize(
    "sent",
    [
        request(connection=b"Upgrade"),
        request(connection=b"HTTP2-Settings"),
        request(more=b"HTTP2-Settings: \r\n"),
        request(b"12345"),
        request(more=b"Content-Length: 3\r\n") + b"abc",
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"h2c", b"h2c, websocket"),
        request().replace(b"GET /first", b"GET http://x/first"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    ],
)
async def test_any_other_is_refused(sent: bytes) -> None:
    async with origin(echo) as server, proxy(server.port, http2=H2) as p:
        peer = await client(p.port)
        await peer.send(sent)
        assert (await peer.rest()).startswith(b"HTTP/1.1 505 ")


async def test_who_leaves_behind_it_leaves_nothing() -> None:
    async with origin(echo) as server, proxy(server.port, http2=H2) as p:
        peer = await client(p.port)
        await peer.send(request())
        assert await peer.head() == SWITCHING
        await peer.close()
