"""What is sent to clients that take it slowly, in tiny pieces, or not at all; and that nobody starves beside others."""

import pytest
import trio

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.http2.output import ANSWERS_BYTES, HEADS_BYTES, SMALLEST
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.stream import MOST_QUEUED
from tests.noderouter.proxy.http2.services import answer, at_rest, session_of, sized, soon
from tests.testing import http2
from tests.testing.http2 import INITIAL_WINDOW_SIZE, data, http2_client, settings, window_update
from tests.testing.loop import until
from tests.testing.proxy import Proxy, proxy

H2 = Http2ServerSettings()
QUICK = Http2ServerSettings(body_idle_seconds=0.2)


async def large_heads(exchange: Exchange) -> None:
    """Answer with a head of 2 KB that no table shortens, and two bytes; or as `sized`."""
    if exchange.target == b"/4000000":
        await sized(exchange)
    else:
        await answer(exchange, b"hi", 200, b"x: " + exchange.target * 250 + b"\r\n")


async def test_a_response_waits_for_its_window() -> None:
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 0))
        await peer.send(peer.request("/3000"))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].status)
        await peer.still_there()
        assert peer.seen[1].body == b""
        await peer.send(window_update(1, 2999))
        await peer.until(lambda: len(peer.seen[1].body) == 2999)
        assert not peer.seen[1].ended
        await peer.send(window_update(1, 1))
        await peer.over(1)
        await at_rest(p, peer)
        await peer.close()


async def test_a_window_below_zero() -> None:
    """RFC 9113 section 6.9.2: SETTINGS may take back what was granted."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 5000))
        await peer.send(peer.request("/9000"))
        await peer.until(lambda: 1 in peer.seen and len(peer.seen[1].body) == 5000)
        await peer.send(settings((INITIAL_WINDOW_SIZE, 1000)))  # the window is now -4000
        await peer.send(window_update(1, 4000))
        await peer.still_there()
        assert len(peer.seen[1].body) == 5000
        await peer.send(settings((INITIAL_WINDOW_SIZE, 3000)))
        await peer.until(lambda: len(peer.seen[1].body) == 7000)
        await peer.send(window_update(1, 2000))
        assert len((await peer.over(1)).body) == 9000
        await peer.close()


async def test_an_end_needs_no_window() -> None:
    go_on: list[Exchange] = []

    async def late_end(exchange: Exchange) -> None:
        await soon(exchange.reply.begin(Response(200, b"", b"", CHUNKED), b"x" * 100))
        go_on.append(exchange)
        await exchange.body.read()
        await exchange.reply.finish()

    async with proxy(service=late_end, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 100))
        await peer.send(peer.request("/", "POST", end=False))
        await until(lambda: go_on)
        await peer.send(settings((INITIAL_WINDOW_SIZE, 0)), data(1, b"x", end=True))
        assert len((await peer.over(1)).body) == 100
        await peer.close()


@pytest.mark.parametrize("length", [0, 5])
async def test_an_empty_response_needs_no_window(length: int) -> None:
    async def empty(exchange: Exchange) -> None:
        await answer(exchange, b"", 200)

    async with proxy(service=empty, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, length))
        await peer.send(
            peer.request("/", "POST", end=False), settings((INITIAL_WINDOW_SIZE, 0)), data(1, b"", end=True)
        )
        assert (await peer.over(1)).status == 200
        await peer.close()


async def test_a_refusal_to_a_client_without_a_window_has_no_words() -> None:
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 0))
        seen = await peer.fetch("/1", "GET", (b"expect", b"nothing"))
        assert (seen.status, seen.ended, seen.head[b"content-length"]) == (417, True, b"0")
        await peer.close()


async def test_tiny_windows_get_no_tiny_frames() -> None:
    """CVE-2019-9511: one byte at a time is not worth a frame, until time passes."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 0))
        await peer.send(settings((INITIAL_WINDOW_SIZE, SMALLEST * 2)))
        await peer.send(peer.request("/10000"))
        await peer.until(lambda: 1 in peer.seen and len(peer.seen[1].body) == SMALLEST * 2)
        for _ in range(100):
            await peer.send(window_update(1, 1))
        await peer.still_there()
        assert len(peer.seen[1].body) == SMALLEST * 2
        p.later(1)
        await peer.until(lambda: len(peer.seen[1].body) == SMALLEST * 2 + 100)
        assert peer.seen[1].pieces[-1] == 100
        await peer.send(window_update(1, 10000))
        assert len((await peer.over(1)).body) == 10000
        await at_rest(p, peer)
        await peer.close()


async def test_who_takes_nothing_of_a_stream_loses_it_alone() -> None:
    async with proxy(service=sized, http2=QUICK) as p:
        peer = await http2_client(p.port)
        await peer.send(settings((INITIAL_WINDOW_SIZE, 10)), peer.request("/20"))
        seen = await peer.over(1)
        assert (len(seen.body), seen.reset) == (10, http2.INTERNAL_ERROR)
        assert p.stats.stalls == 1
        assert (await peer.fetch("/3")).ended
        await at_rest(p, peer)
        await peer.close()


async def until_full(p: Proxy) -> None:
    """Wait until the socket of the only session takes nothing more."""
    await until(lambda: session_of(p).drainer is not None)


async def test_who_never_reads_ends() -> None:
    """Its windows are open and its socket is full."""
    async with proxy(service=sized, http2=QUICK) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 2**31 - 1))
        await peer.send(window_update(0, 2**31 - 1 - 65535))
        await peer.send(*[peer.request("/10000000") for _ in range(20)])
        most = 0

        def ended() -> bool:
            nonlocal most
            most = max([most, *[each.queued for each in p.listener.connections]])
            return p.stats.closes == 1

        await until(ended)
        assert MOST_QUEUED <= most < MOST_QUEUED + 16384 + 1000
        assert p.stats.stalls >= 1
        await peer.close()


async def test_heads_wait_for_a_socket_that_is_full() -> None:
    """They are bounded by no window."""
    async with proxy(service=large_heads, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 2**31 - 1), receive_buffer=4096)
        await peer.send(window_update(0, 2**31 - 1 - 65535))
        await peer.send(peer.request("/4000000"))
        await until(lambda: session_of(p).line)
        await peer.send(*[peer.request(f"/{number:07}") for number in range(200)])
        session = session_of(p)
        await until(lambda: session.running == 201)
        await until(lambda: len(session._waiting) > 100)
        assert HEADS_BYTES <= session.queued < HEADS_BYTES + 3000
        await peer.until(lambda: sum(seen.over for seen in peer.seen.values()) == 201)
        await at_rest(p, peer)
        await peer.close()


async def test_a_client_that_reads_no_answers_is_read_no_more() -> None:
    """What waits for the socket would only grow."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 2**31 - 1), receive_buffer=4096)
        await peer.send(window_update(0, 2**31 - 1 - 65535))
        await peer.send(peer.request("/4000000"))
        await until(lambda: session_of(p).queued > MOST_QUEUED)
        session = session_of(p)
        most = ANSWERS_BYTES + 100_000  # what one read may have answered
        with trio.move_on_after(0.3):
            while not peer.broken:  # each is answered by a head, and by RST_STREAM
                await peer.send(*[peer.request("/0", "POST", end=False) for _ in range(100)])
                assert session.queued < most
        assert session.queued < most
        await peer.close()
        await until(lambda: not p.listener.connections)


async def test_a_large_download_lets_small_ones_pass() -> None:
    """It fills the socket, and waits for it, all the time; what is behind it has its turn, and is heard."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 2**31 - 1), receive_buffer=65536)
        await peer.send(window_update(0, 2**31 - 1 - 65535))
        await peer.send(peer.request("/20000000"))
        await peer.until(lambda: 1 in peer.seen and len(peer.seen[1].body) > 5_000_000)
        for _ in range(2):  # the second time, the reader has come by while the socket was full
            await peer.send(*[peer.request("/20000") for _ in range(10)])
            small = range(3, peer._next, 2)
            await peer.until(lambda small=small: all(n in peer.seen and peer.seen[n].over for n in small))
        assert len(peer.seen[1].body) < 18_000_000
        await peer.over(1)
        assert len(peer.seen[1].body) == 20_000_000
        await at_rest(p, peer)
        await peer.close()


async def test_turns() -> None:
    """While the window of the connection is what all wait for, each stream gets a frame in turn."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 2**31 - 1))
        await peer.send(*[peer.request("/1000000") for _ in range(4)])
        await peer.until(lambda: sum(len(seen.body) for seen in peer.seen.values()) == 65535)
        await until(lambda: len(session_of(p).line) == 4)
        before = {n: len(seen.body) for n, seen in peer.seen.items()}
        for _ in range(40):
            await peer.send(window_update(0, 16384))
            await peer.still_there()
        gained = [len(peer.seen[n].body) - before.get(n, 0) for n in (1, 3, 5, 7)]
        assert sum(gained) == 40 * 16384
        assert min(gained) > sum(gained) / 8  # a turn is a frame, some of which are short
        await peer.close()


async def test_a_stalled_stream_holds_nobody_up() -> None:
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(window_update(0, 2**30))
        await peer.send(peer.request("/1000000"))
        await peer.until(lambda: 1 in peer.seen and len(peer.seen[1].body) == 65535)
        for _ in range(30):
            assert len((await peer.fetch("/20000")).body) == 20000
        assert len(peer.seen[1].body) == 65535
        await peer.close()


async def test_trailers_wait_their_turn() -> None:
    async def trailed(exchange: Exchange) -> None:
        await soon(exchange.reply.begin(Response(200, b"", b"", CHUNKED), b"x" * 10))
        await exchange.reply.finish(Headers(b"x-end: 1\r\n"))

    async with proxy(service=trailed, http2=H2) as p:
        peer = await http2_client(p.port, (INITIAL_WINDOW_SIZE, 4))
        await peer.send(peer.request())
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].status)
        await peer.send(window_update(1, 100))
        seen = await peer.over(1)
        assert (bytes(seen.body), seen.trailers) == (b"x" * 10, {b"x-end": b"1"})
        await peer.close()
