"""Bodies of requests: which are waited for as a whole, and what becomes of those that come slowly or not at all."""

from time import monotonic

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import answer, at_rest, body_of, echo, session_of
from tests.testing import http2
from tests.testing.http2 import data, http2_client
from tests.testing.loop import until
from tests.testing.proxy import proxy

QUICK = Http2ServerSettings(body_idle_seconds=0.15)


async def test_bodies_that_fill_the_window_together_stream_after_all() -> None:
    """None of them would become whole, since all wait for a window that none gives back."""
    async with proxy(service=echo, http2=Http2ServerSettings(link_window=65535)) as p:
        peer = await http2_client(p.port)
        peer.giving = True
        streams = range(1, 20, 2)
        await peer.send(*[peer.request("/", "POST", (b"content-length", b"10000"), end=False) for _ in streams])
        for _ in range(10):
            for number in streams:
                await peer.upload(number, b"x" * 1000, end=False)
        for number in streams:
            await peer.upload(number, b"", end=True)
            assert len((await peer.over(number)).body) == 10_000
        await at_rest(p, peer)
        await peer.close()


async def test_a_body_longer_than_the_window_of_its_stream_is_not_waited_for() -> None:
    async with proxy(service=echo, http2=Http2ServerSettings(stream_window=1000)) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", (b"content-length", b"5000"), end=False))
        await peer.upload(1, b"x" * 5000)
        assert len((await peer.over(1)).body) == 5000
        await peer.close()


async def test_a_small_body_that_stands_still_is_answered_408() -> None:
    async with proxy(service=echo, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", (b"content-length", b"5"), end=False), data(1, b"four"))
        seen = await peer.over(1)
        assert (seen.status, seen.ended) == (408, True)
        assert b"stands%20still" in seen.head[b"l5d-err"]
        await at_rest(p, peer)
        assert (await peer.fetch()).status == 200
        await peer.close()


async def test_a_streaming_body_that_stands_still_is_answered_408() -> None:
    async def take(exchange: Exchange) -> None:
        await answer(exchange, await body_of(exchange))

    async with proxy(service=take, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"some"))
        seen = await peer.over(1)
        assert (seen.status, seen.ended) == (408, True)
        await at_rest(p, peer)
        await peer.close()


async def test_a_body_that_stands_still_behind_its_response_is_reset() -> None:
    async with proxy(service=echo, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"some"))
        seen = await peer.over(1)
        assert (seen.status, bytes(seen.body), seen.ended, seen.reset) == (200, b"some", False, http2.INTERNAL_ERROR)
        await at_rest(p, peer)
        await peer.close()


async def test_a_body_that_breaks_the_protocol_is_reset_at_once() -> None:
    failed: list[Exception] = []

    async def take(exchange: Exchange) -> None:
        try:
            await body_of(exchange)
        except Exception as error:
            failed.append(error)
            raise

    async with proxy(service=take, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", (b"content-length", b"100000"), end=False), data(1, b"a"))
        await until(lambda: session_of(p).running)
        await peer.send(data(1, b"b", end=True))
        seen = await peer.over(1)
        assert (seen.blocks, seen.reset) == ([], http2.PROTOCOL_ERROR)
        await at_rest(p, peer)
        await peer.close()
    assert not [each for each in failed if not isinstance(each, ClientProtocolError)]


async def test_requests_that_are_looked_at_before_their_first_step_are_served() -> None:
    """As often as twice a second, some are begun and have not had their turn."""

    async def look(exchange: Exchange) -> None:
        session_of(p).check(monotonic())
        await answer(exchange)

    async with proxy(service=look, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(*[peer.request() for _ in range(3)])
        assert [(await peer.over(number)).status for number in (1, 3, 5)] == [200] * 3
        await at_rest(p, peer)
        await peer.close()
