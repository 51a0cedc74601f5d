"""Clients of a proxy under test: one of HTTP/1 and one of HTTP/2 see the same thing, told in the same words."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import trio

from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.transport import TransportLimits
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http2 import INITIAL_WINDOW_SIZE, Http2Peer, data, http2_client
from tests.testing.origin import client
from tests.testing.proxy import HTTP_2, Proxy, proxy

FRONTS: Final = ("h1", "h2")
IMPATIENT: Final = PoolSettings(limits=TransportLimits(body_idle_seconds=0.2, upload_seconds=0.2))


@dataclass(frozen=True)
class Seen:
    """What a client has of a response; `whole`: its end was marked, so that it cannot be taken for more or less."""

    status: int
    text: str
    whole: bool


async def ask(port: int, front: str, path: str, method: str = "GET", body: bytes | None = None) -> Seen:
    """One request on a connection of its own, and what comes of it. A body is declared, and sent whole."""
    if front == "h2":
        peer = await http2_client(port)
        peer.giving = True
        length = () if body is None else ((b"content-length", b"%d" % len(body)),)
        await peer.send(peer.request(path, method, *length, end=body is None))
        if body is not None:
            await send_data(peer, 1, body)
        seen = await peer.over(1)
        await peer.close()
        return Seen(seen.status, seen.body.decode(), seen.reset is None)
    peer1 = await client(port)
    length1 = "" if body is None else f"Content-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: example.com\r\n{length1}Connection: close\r\n\r\n"
    try:
        await peer1.send(head.encode() + (body or b""))
    except trio.BrokenResourceError:
        pass  # it has answered before it has read all
    data = await peer1.rest()
    head1, _, rest = data.partition(b"\r\n\r\n")
    while head1.startswith(b"HTTP/1.1 1"):
        head1, _, rest = rest.partition(b"\r\n\r\n")
    if not head1:
        return Seen(0, "", False)
    fields = head1.lower()
    if b"transfer-encoding: chunked" in fields:
        return Seen(int(head1[9:12]), unchunked(rest), rest.endswith(b"0\r\n\r\n"))
    size = int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    return Seen(int(head1[9:12]), rest.decode(), len(rest) == size)


async def send_data(peer: Http2Peer, number: int, body: bytes, end: bool = True) -> None:
    """Send DATA, as far as windows allow."""
    sent = 0
    while sent < len(body):
        first = peer.settings.get(INITIAL_WINDOW_SIZE, 65535)
        room = min(first + (peer.seen[number].updates if number in peer.seen else 0), 65535 + peer.granted) - sent
        if room <= 0:
            frame = await peer.read()
            if frame is None or (number in peer.seen and peer.seen[number].over):
                return
            continue
        piece = body[sent : sent + min(room, 16384)]
        sent += len(piece)
        await peer.send(data(number, piece, end and sent == len(body)))


def unchunked(data: bytes) -> str:
    """The payload of chunks, as far as they are whole."""
    text = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        text += data[: int(size or b"0", 16)]
        data = data[int(size or b"0", 16) + 2 :]
    return text.decode()


@asynccontextmanager
async def fronted(front: str, *ports: int, pool: PoolSettings = IMPATIENT, **keys: Any) -> AsyncIterator[Proxy]:
    """A proxy to endpoints of HTTP/2, whose clients speak what `front` says."""
    http2 = Http2ServerSettings() if front == "h2" else None
    async with proxy(*ports, http2=http2, connections=HTTP_2, pool=pool, **keys) as p:
        yield p


Script = Callable[[Http2Peer, int], Any]

__all__ = ["FRONTS", "IMPATIENT", "PATIENCE_SECONDS", "Script", "Seen", "ask", "fronted", "send_data"]
