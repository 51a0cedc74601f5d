"""Requests of every shape over HTTP/2, to an endpoint that speaks HTTP/1."""

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.testing.http2 import http2_client
from tests.testing.origin import Peer, origin
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()


async def hello(peer: Peer) -> None:
    while await peer.more():
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def test_a_request_and_its_response() -> None:
    async with origin(hello) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        seen = await peer.fetch("/a")
        assert (seen.status, bytes(seen.body), seen.ended, seen.reset) == (200, b"hello", True, None)
        await peer.close()
