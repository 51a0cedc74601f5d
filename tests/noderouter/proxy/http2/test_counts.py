"""What is counted of streams, on both sides: how they end, who reset them, who went away, and who flooded.

Covers `frames.py`, whose names they are.
"""

from collections.abc import Awaitable, Callable

import pytest

from noderouter.proxy.client.pool_settings import PoolStats
from noderouter.proxy.http2 import frames
from noderouter.proxy.http2.frames import CODES, RESETS_RECEIVED, RESETS_SENT, counted
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.telemetry.streams import StreamStats
from tests.noderouter.proxy.http2.services import Held, echo, hello
from tests.testing import http2
from tests.testing.http2 import Http2Peer, data, goaway, http2_client, http2_origin, ping, rst_stream, window_update
from tests.testing.loop import until
from tests.testing.proxy import HTTP_2, proxy

H2 = Http2ServerSettings()


def test_codes_have_their_names_and_all_others_have_one_together() -> None:
    assert [counted(RESETS_SENT, code) for code in (0, 8, 13, 14, 2**32 - 1)] == [
        *("resets/sent/NO_ERROR", "resets/sent/CANCEL", "resets/sent/HTTP_1_1_REQUIRED"),
        *("resets/sent/other", "resets/sent/other"),
    ]
    assert len(set(RESETS_RECEIVED)) == len(CODES) + 1


async def test_streams_of_clients() -> None:
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(max_streams=3)) as p:
        counts = p.stats.streams
        peer = await http2_client(p.port)
        await peer.send(*[peer.request() for _ in range(4)])
        await until(lambda: counts.open == 3)
        await peer.over(7)
        await peer.send(rst_stream(1), rst_stream(3, 99))
        await until(lambda: counts.open == 1)
        held.release()
        await peer.over(5)
        await until(lambda: counts.open == 0)
        assert (counts.begun, counts.ended, counts.failures) == (3, 3, 2)
        assert counts.noted() == {
            "resets/sent/REFUSED_STREAM": 1,
            "resets/received/CANCEL": 1,
            "resets/received/other": 1,
        }
        await peer.send(goaway(0))
        await peer.rest()
        assert (counts.noted()["goaways/received"], counts.noted()["goaways/sent"]) == (1, len(peer.goaways))


async def test_an_early_response_is_no_failure_of_its_stream() -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request("/", "POST", end=False), data(1, b"x" * 1000))
        seen = await peer.over(1)
        await peer.until(lambda: seen.reset is not None)
        counts = p.stats.streams
        assert (counts.ended, counts.failures, counts.noted()) == (1, 0, {"resets/sent/NO_ERROR": 1})
        await peer.close()


async def test_streams_that_are_lost_with_their_connection_have_failed() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request(), peer.request())
        counts = p.stats.streams
        await until(lambda: counts.open == 2)
        peer.abort()
        await until(lambda: counts.open == 0)
        assert (counts.begun, counts.failures) == (2, 2)


async def resets(peer: Http2Peer) -> None:
    for _ in range(110):
        await peer.send(peer.request(), rst_stream(peer._next - 2))


async def pings(peer: Http2Peer) -> None:
    await peer.send(*[ping()] * 1500)


async def late_resets(peer: Http2Peer) -> None:
    await peer.fetch()
    await peer.send(*[rst_stream(1)] * 3000)


async def updates(peer: Http2Peer) -> None:
    await peer.send(*[window_update(0, 1)] * 3000)


async def continuations(peer: Http2Peer) -> None:
    await peer.send(http2.frame(http2.HEADERS, 0, 1, b""), *[http2.frame(http2.CONTINUATION, 0, 1, b"\x00")] * 20)


@pytest.mark.parametrize(
    ("flood", "name"),
    [
        (resets, frames.RAPID_RESETS),
        (pings, frames.USELESS_FRAMES),
        (late_resets, frames.USELESS_FRAMES),
        (updates, frames.WINDOW_UPDATES),
        (continuations, frames.HEADER_BLOCKS),
    ],
)
async def test_floods_have_classes(flood: Callable[[Http2Peer], Awaitable[None]], name: str) -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        peer.answering = False
        await flood(peer)
        await peer.rest()
        noted = p.stats.streams.noted()
        assert {each: count for each, count in noted.items() if each in frames.FLOODS} == {name: 1}
        assert noted["goaways/sent"] == 1


async def test_a_header_block_that_stands_still_is_one_of_them() -> None:
    async with proxy(service=echo, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.still_there()
        await peer.send(http2.frame(http2.HEADERS, 0, 1, b""))

        def timed() -> bool:
            p.later(20.0)
            return "floods/header_blocks" in p.stats.streams.noted()

        await until(timed)
        await peer.rest()


# Endpoints


def of(stats: PoolStats) -> StreamStats:
    return stats.stream_stats()


async def test_streams_to_endpoints() -> None:
    async def script(peer: Http2Peer) -> None:
        await peer.greet()
        await peer.opened()
        await peer.send(peer.response(1, 200, end=True))
        await peer.opened()
        await peer.send(rst_stream(3, http2.INTERNAL_ERROR))
        await peer.opened()
        await peer.send(goaway(3))
        await peer.rest()

    shown: list[StreamStats] = []
    async with http2_origin(script) as origin, proxy(origin.port, connections=HTTP_2, http2=H2) as p:
        p.client.pool_stats.on_streams = shown.append
        assert shown == []
        peer = await http2_client(p.port)
        assert (await peer.fetch()).status == 200
        counts = of(p.client.pool_stats)
        assert shown == [counts]
        assert (counts.begun, counts.ended, counts.failures, counts.noted()) == (1, 1, 0, {})
        assert (await peer.fetch()).status == 502
        assert (counts.failures, counts.noted()) == (1, {"resets/received/INTERNAL_ERROR": 1})
        await peer.send(peer.request())
        await until(lambda: "streams/given_back" in counts.noted())
        assert counts.noted()["goaways/received"] == 1
        await peer.close()
        await until(lambda: counts.open == 0)


async def test_who_leaves_resets_the_stream_to_the_endpoint() -> None:
    async def script(peer: Http2Peer) -> None:
        await peer.greet()
        await peer.opened()
        await peer.rest()

    async with http2_origin(script) as origin, proxy(origin.port, connections=HTTP_2, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        counts = of(p.client.pool_stats)
        await until(lambda: counts.open == 1)
        await peer.send(rst_stream(1))
        await until(lambda: counts.open == 0)
        assert (counts.failures, counts.noted()) == (1, {"resets/sent/CANCEL": 1})
        await peer.close()


async def test_an_endpoint_that_floods_is_told_and_counted() -> None:
    async def script(peer: Http2Peer) -> None:
        await peer.greet()
        await peer.opened()
        peer.answering = False
        await peer.send(*[ping()] * 1500)
        await peer.rest()

    async with http2_origin(script) as origin, proxy(origin.port, connections=HTTP_2, http2=H2) as p:
        peer = await http2_client(p.port)
        assert (await peer.fetch()).status == 502
        noted = of(p.client.pool_stats).noted()
        assert (noted["floods/useless_frames"], noted["goaways/sent"]) == (1, 1)
        await peer.close()
