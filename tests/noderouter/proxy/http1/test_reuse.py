"""Whose bytes are whose: a connection to an endpoint is used again only when its last exchange is over for good."""

import pytest
import trio

from noderouter.core.errors import EndpointTimeout
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.transport import TransportLimits
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmine!"


async def leave(peer: Peer, how: str) -> None:
    """Leave within a response."""
    match how:
        case "reset":
            peer.abort()
        case "close":
            await peer.close()
        case "broken chunk":
            await peer.send(b"zz\r\n")
            await peer.close()
        case "broken chunk, then reset":
            await peer.send(b"zz\r\n")
            peer.abort()
        case "half a chunk":
            await peer.send(b"ff\r\nab")
            await peer.close()


async def endless(peer: Peer) -> None:
    """Send chunks until it fails."""
    while True:
        await peer.send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")


@pytest.mark.parametrize("how", ["reset", "close", "broken chunk", "broken chunk, then reset", "half a chunk"])
@pytest.mark.parametrize("framing", ["counted", "chunked"])
@pytest.mark.parametrize("request_bytes", [GET, UPLOAD], ids=["get", "upload"])
async def test_the_rest_of_a_response_never_reaches_another(request_bytes: bytes, framing: str, how: str) -> None:
    """The endpoint stalls within the response to a client that leaves, then goes on as if nothing had been."""
    on = trio.Event()

    async def script(peer: Peer) -> None:
        while await peer.more():
            head = await peer.head()
            if b"/second" in head:
                await peer.send(WHOLE)
                continue
            if framing == "counted":
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nYOURS")
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nYOURS\r\n")
            await on.wait()
            rest = b"Y" * 25 if framing == "counted" else b"19\r\n%b\r\n0\r\n\r\n" % (b"Y" * 25)
            await peer.send(rest)

    async with origin(script) as server, proxy(server.port) as p:
        gone = await client(p.port)
        await gone.send(request_bytes)
        await gone.until(b"YOURS")
        await leave(gone, how)
        if how in ("reset", "broken chunk, then reset"):
            await until(lambda: not p.listener.connections)
        other = await client(p.port)
        await other.send(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await other.head()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert await other.exactly(5) == b"mine!"
        on.set()
        await other.send(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        await other.head()
        assert await other.exactly(5) == b"mine!"
        await other.close()
        await gone.close()


@pytest.mark.parametrize(
    ("request_bytes", "head", "again"),
    [
        (GET, b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", True),
        (GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", False),
        (GET, b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
        (GET, b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (GET.replace(b"GET", b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", True),
        (GET.replace(b"GET", b"HEAD"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        (GET.replace(b"GET", b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False),
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello", False),
    ],
)
async def test_a_response_without_a_body(request_bytes: bytes, head: bytes, again: bool) -> None:
    """What says that a body comes where none may come is not believed to be over."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(head)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(3):
            await peer.send(request_bytes)
            answered = await peer.head()
            assert (b"content-length: 5\r\n" in answered) == (b"Length: 5" in head and b" 204 " not in head)
        assert len(server.peers) == (1 if again else 3)
        await peer.close()


class Second:
    """Takes no first try: neither a retryable response nor an endpoint that stands still."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def deliver(self, exchange: Exchange) -> bool:
        return exchange.attempts > 1

    async def serve(self, exchange: Exchange) -> None:
        exchange.gate = self
        try:
            await self._service(exchange)
        except EndpointTimeout:
            pass
        if not exchange.reply.started:
            exchange.reply_fields = b""
            await self._service(exchange)


def second(service: Service) -> Service:
    """Have the first try of every exchange discarded."""
    return Second(service).serve


@pytest.mark.parametrize(
    ("request_bytes", "head", "again"),
    [
        (GET, b"Content-Length: 0\r\n\r\n", True),
        (GET, b"Content-Length: 0\r\n\r\nhello", False),
        (GET, b"Content-Length: 5\r\n\r\nhello", True),
        (GET, b"Content-Length: 5\r\n\r\nhello!", False),
        (GET, b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
        (GET, b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nhello", False),
        (GET.replace(b"GET", b"HEAD"), b"Content-Length: 5\r\n\r\n", True),
        (GET.replace(b"GET", b"HEAD"), b"Content-Length: 5\r\n\r\nhello", False),
        (GET.replace(b"GET", b"HEAD"), b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
    ],
)
async def test_a_response_that_is_discarded(request_bytes: bytes, head: bytes, again: bool) -> None:
    """What came behind it is missed as it would be behind one that is passed on."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            asked.append(peer)
            if len(asked) == 1:
                await peer.send(b"HTTP/1.1 503 Busy\r\n" + head)
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    asked: list[Peer] = []
    async with origin(script) as server, proxy(server.port, wrap=second) as p:
        peer = await client(p.port)
        await peer.send(request_bytes)
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        assert len(asked) == 2
        assert len(server.peers) == (1 if again else 2)
        await peer.close()


async def test_what_a_try_failed_with_is_not_said_of_the_next() -> None:
    """The first endpoint takes nothing of the request, the second takes it and leaves: that is no time-out."""
    size = 30_000_000

    async def script(peer: Peer) -> None:
        first = len(server.peers) == 1
        await peer.head()
        if first:
            await trio.sleep_forever()
        await peer.exactly(size)

    limits = TransportLimits(body_idle_seconds=0.1)
    async with (
        origin(script) as server,
        proxy(
            server.port, pool=PoolSettings(limits=limits), settings=ServerSettings(buffer_bytes=size), wrap=second
        ) as p,
    ):
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        assert len(server.peers) == 2
        await peer.close()


async def test_a_discarded_response_is_not_held_up_by_the_rest_of_its_request() -> None:
    size = 30_000_000

    async def script(peer: Peer) -> None:
        first = len(server.peers) == 1
        await peer.head()
        if first:
            await peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            await trio.sleep_forever()
        await peer.exactly(size)
        await peer.send(WHOLE)

    async with (
        origin(script) as server,
        proxy(server.port, settings=ServerSettings(buffer_bytes=size), wrap=second) as p,
    ):
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        await peer.close()


@pytest.mark.parametrize("field", [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_an_interim_response_with_a_body_is_refused(field: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n" + field + b"\r\n" + WHOLE)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(GET)
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_a_request_that_was_not_sent_whole_ends_its_connection() -> None:
    """The endpoint answers before it has read all that was sent, and then closes its ears: nothing can follow."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(WHOLE)
        await trio.sleep_forever()

    limits = TransportLimits(upload_seconds=0.1)
    async with origin(script) as server, proxy(server.port, pool=PoolSettings(limits=limits)) as p:
        for _ in range(2):
            peer = await client(p.port)
            async with trio.open_nursery() as nursery:

                async def upload() -> None:
                    try:
                        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
                        while True:
                            await peer.send(b"x" * 100_000)
                    except trio.BrokenResourceError:
                        pass

                nursery.start_soon(upload)
                head = await peer.head()
                assert b"connection: close\r\n" in head
                assert await peer.exactly(5) == b"mine!"
            await peer.close()
        assert len(server.peers) == 2


async def test_an_upload_goes_on_behind_an_early_response() -> None:
    """As long as the endpoint reads; afterwards everything can be used again."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            await peer.head()
            await peer.send(WHOLE)
            got.append(await peer.exactly(100_000))

    got: list[bytes] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
            assert b"connection: close" not in await peer.head()
            assert await peer.exactly(5) == b"mine!"
            await peer.send(b"x" * 99_997)
        await until(lambda: len(got) == 2)
        assert len(server.peers) == 1
        await peer.close()


async def test_a_long_upload_behind_an_early_response_is_bounded_and_its_client_is_told() -> None:
    taken = 0

    async def script(peer: Peer) -> None:
        nonlocal taken
        await peer.head()
        await peer.send(WHOLE)
        while await peer.more():
            taken += len(peer.buffer)
            peer.buffer = b""

    limits = TransportLimits(upload_bytes=1_000_000)
    async with origin(script) as server, proxy(server.port, pool=PoolSettings(limits=limits)) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        assert b"connection: close\r\n" in await peer.head()
        assert await peer.exactly(5) == b"mine!"
        with trio.fail_after(PATIENCE_SECONDS), pytest.raises(trio.BrokenResourceError):
            await endless(peer)
        assert taken <= 1_000_000 + 1000  # and the chunks' framing
        await peer.close()


async def test_a_body_that_waits_for_100_is_not_waited_for_behind_a_final_response() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert b"connection: close\r\n" in await peer.head()
        assert await peer.rest(2.0) == b""
