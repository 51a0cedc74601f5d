"""Work without an end that a client can cause, and what it gets: each line of the limits, by the name it is known by.

Every client here ends with GOAWAY ENHANCE_YOUR_CALM, what it can have us keep is bounded meanwhile, and another client
of the same server is served throughout.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import trio

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.message import Response
from noderouter.proxy.http2.flood import (
    PINGS_AT_ONCE,
    PREMATURE_SECONDS,
    RESET_SECONDS,
    RESETS,
    UPDATES,
    USELESS_AT_ONCE,
    Resets,
    Updates,
    Useless,
)
from noderouter.proxy.http2.output import ANSWERS_BYTES
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.server_stream import ServerStream
from tests.noderouter.proxy.http2.services import Held, hello, session_of, sized, soon
from tests.testing import http2
from tests.testing.http2 import (
    CONTINUATION,
    DATA,
    HEADERS,
    PRIORITY,
    Http2Peer,
    data,
    frame,
    http2_client,
    rst_stream,
    settings,
    window_update,
)
from tests.testing.loop import until
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()


class Flood(NamedTuple):
    """`begin` is sent once, `again` until the session ends, at most `most` times."""

    known: str
    begin: Callable[[Http2Peer], bytes]
    again: Callable[[Http2Peer], bytes]
    most: int


def nothing(_peer: Http2Peer) -> bytes:
    return b""


def post(p: Http2Peer) -> bytes:
    return p.request("/held", "POST", end=False)


def reset_at_once(p: Http2Peer) -> bytes:
    return post(p) + rst_stream(p._next - 2)


def broken(p: Http2Peer) -> bytes:
    """We reset it."""
    return post(p) + window_update(p._next - 2, 0)


def lied(p: Http2Peer) -> bytes:
    return p.request("/held", "POST", (b"content-length", b"1"), end=False) + data(p._next - 2, b"no")


def unfinished(p: Http2Peer) -> bytes:
    return frame(HEADERS, 1, 1, p.block([(b":method", b"GET")]))


def opened(p: Http2Peer) -> bytes:
    return p.request("/held")


FLOODS = {
    "rapid reset": Flood("CVE-2023-44487", nothing, reset_at_once, RESETS + 1),
    "made you reset": Flood("CVE-2025-8671", nothing, broken, RESETS + 1),
    "lies about lengths": Flood("CVE-2025-8671", nothing, lied, RESETS + 1),
    "too many streams": Flood("CVE-2023-44487", lambda p: opened(p) + opened(p), opened, RESETS + 1),
    "CONTINUATION": Flood("CVE-2024-27316", unfinished, lambda p: frame(CONTINUATION, 0, 1, b"\0\x01a\x01b"), 17),
    "empty CONTINUATION": Flood("CVE-2024-27316", unfinished, lambda p: frame(CONTINUATION, 0, 1), 1),
    "large CONTINUATION": Flood("CVE-2024-27316", unfinished, lambda p: frame(CONTINUATION, 0, 1, bytes(16384)), 4),
    "PING": Flood("CVE-2019-9512", nothing, lambda p: http2.ping(), 2000),
    "SETTINGS": Flood("CVE-2019-9515", nothing, lambda p: settings((4, 65535)), 2000),
    "empty SETTINGS": Flood("CVE-2019-9515", nothing, lambda p: settings(), 2000),
    "PRIORITY": Flood("CVE-2019-9513", nothing, lambda p: frame(PRIORITY, 0, 1, b"\0\0\0\x03\x01"), 2000),
    "RST_STREAM": Flood("CVE-2019-9514", lambda p: post(p) + rst_stream(1), lambda p: rst_stream(1), 4000),
    "empty DATA": Flood("CVE-2019-9518", post, lambda p: frame(DATA, 0, 1), 2000),
    "DATA that is padding": Flood("CVE-2019-9518", post, lambda p: frame(DATA, 8, 1, b"\x01\0"), 2000),
    "unknown frames": Flood("CVE-2019-9518", nothing, lambda p: frame(77, 0, 1, b"x"), 2000),
    "GOAWAY": Flood("CVE-2019-9512", nothing, lambda p: http2.goaway(0), 2000),
    "WINDOW_UPDATE": Flood("CVE-2019-9517", nothing, lambda p: window_update(0, 1), 4000),
    "a stream's WINDOW_UPDATE": Flood("CVE-2019-9517", post, lambda p: window_update(1, 1), 4000),
    "HEADERS on closed streams": Flood(
        "CVE-2019-9518",
        lambda p: p.request("/", "POST", end=False),
        lambda p: p.headers(1, [(b"a", b"b")], end=True),
        2000,
    ),
    "DATA on closed streams": Flood(
        "CVE-2019-9518", lambda p: p.request("/", "POST", end=False), lambda p: frame(DATA, 0, 1), 2000
    ),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_floods(name: str) -> None:
    flood = FLOODS[name]
    held = Held()

    async def serve(exchange) -> None:  # type: ignore[no-untyped-def]
        await (held if exchange.target == b"/held" else hello)(exchange)

    limits = Http2ServerSettings(max_streams=2) if name == "too many streams" else H2
    async with proxy(service=serve, http2=limits) as p:
        other = await http2_client(p.port)
        assert (await other.fetch()).status == 200
        (others,) = p.listener.connections
        peer = await http2_client(p.port)
        await peer.until(lambda: peer.settings)
        (session,) = [each for each in p.listener.connections if each is not others]
        await peer.send(flood.begin(peer))
        if "closed" in name:
            await peer.over(1)
        sent = 0
        while sent < flood.most and not peer.broken:
            count = min(50, flood.most - sent)
            await peer.send(b"".join(flood.again(peer) for _ in range(count)))
            sent += count
            assert kept(session) < ANSWERS_BYTES
        assert (await other.fetch()).status == 200
        await peer.rest()
        assert [code for _, code, _ in peer.goaways if code] == [http2.ENHANCE_YOUR_CALM]
        assert (await other.fetch()).status == 200
        assert not other.goaways
        await other.close()
        await until(lambda: held.gone == held.begun)


def kept(session) -> int:  # type: ignore[no-untyped-def]
    """Bytes that one client has us keep."""
    pieces = sum(len(piece) for stream in session.streams.values() for piece in stream.pieces)
    return int(session.queued + pieces + len(session._block) + session.unread_bytes)


async def test_what_all_streams_keep_is_bounded_by_the_window_of_the_connection() -> None:
    """CVE-2019-9511's kin: bodies that nobody reads."""
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(link_window=200_000)) as p:
        peer = await http2_client(p.port)
        for number in range(1, 21, 2):
            await peer.send(peer.request("/", "POST", end=False))
            with trio.move_on_after(0.05):
                await peer.upload(number, bytes(60_000), end=False)
        await peer.still_there()
        assert 100_000 < kept(session_of(p)) <= 200_000
        await peer.close()


@pytest.mark.parametrize(
    "start",
    [frame(HEADERS, 1, 1, b"\x82"), frame(HEADERS, 5, 1, b"\x82")[:5], frame(HEADERS, 5, 1, b"\x82")[:9]],
    ids=["without its end", "half a frame's head", "a frame's head"],
)
async def test_a_header_block_in_pieces_has_its_time(start: bytes) -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.still_there()
        await peer.send(start)
        await until(lambda: session_of(p)._block_stream or session_of(p)._rest)
        p.later(14)
        await trio.sleep(0.01)
        assert p.listener.connections
        p.later(16)
        await peer.rest()
        assert p.stats.closes == 1


async def test_one_byte_at_a_time_does_not_renew_the_time_of_a_header_block() -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.still_there()
        block = peer.request()
        for at in range(15):
            await peer.send(block[at : at + 1])
            await until(lambda at=at: session_of(p).unread_bytes == at + 1)
        p.later(16)
        await peer.rest()
        assert p.stats.closes == 1


async def test_a_ping_for_what_was_sent_is_no_flood() -> None:
    """Clients of gRPC measure the delay with a PING while DATA comes, however long that goes on."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port)
        peer.giving = True
        pings = int(USELESS_AT_ONCE) + 500
        await peer.send(peer.request(f"/{pings * 16384}"))
        while not (1 in peer.seen and peer.seen[1].over):
            got = await peer.read()
            assert got is not None
            if got.kind == DATA and got.payload:
                await peer.send(http2.ping())
        await peer.until(lambda: len(peer.pongs) >= pings)
        assert not peer.goaways
        await peer.close()


async def test_who_lets_go_of_what_has_begun_is_no_attacker() -> None:
    """Callers that have had the beginning of their responses, or waited for a second, gave up on something."""

    async def begun(exchange: Exchange) -> None:
        await soon(exchange.reply.begin(Response(200, b"", b"", CHUNKED), b"some"))
        await held(exchange)

    held = Held()
    async with proxy(service=begun, http2=H2) as p:
        peer = await http2_client(p.port)
        for number in range(1, 4 * RESETS, 2):
            await peer.send(peer.request())
            await peer.until(lambda number=number: number in peer.seen and peer.seen[number].body)  # type: ignore[misc]
            await peer.send(rst_stream(number))
        await peer.still_there()
        assert not peer.goaways
        await peer.close()


async def test_who_has_waited_for_a_second_is_no_attacker() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        for number in range(1, 4 * RESETS, 2):
            await peer.send(peer.request())
            await until(lambda: held.there)
            (stream,) = session_of(p).streams.values()
            assert isinstance(stream, ServerStream)
            assert stream.exchange is not None
            stream.exchange.started -= PREMATURE_SECONDS + 0.1
            await peer.send(rst_stream(number))
            await until(lambda: not held.there)
        await peer.still_there()
        assert not peer.goaways
        await peer.close()


async def test_budgets_are_renewed() -> None:
    """What comes slowly, or moves something, is no flood."""
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        for _ in range(300):
            await peer.send(reset_after(peer))
            await peer.fetch()
        await peer.still_there()
        assert not peer.goaways
        await peer.close()


def reset_after(p: Http2Peer) -> bytes:
    """A request, and a RST_STREAM that may come too late for it."""
    return p.request() + rst_stream(p._next - 2)


def test_useless_frames() -> None:
    bucket = Useless(0.0)
    assert all(bucket.spend(0.0) for _ in range(int(USELESS_AT_ONCE)))
    assert not bucket.spend(0.0)
    assert all(bucket.spend(10.0) for _ in range(int(USELESS_AT_ONCE)))
    assert not bucket.spend(10.0)
    assert sum(bucket.spend(11.0) for _ in range(1000)) == 199  # the one that was too many has to be made good


def test_resets() -> None:
    budget = Resets(0.0)
    assert all(budget.spend(1.0) for _ in range(RESETS))
    assert not budget.spend(1.0)
    # Two windows of time: what is too long ago is forgotten.
    budget.turn(RESET_SECONDS)
    assert not budget.spend(RESET_SECONDS)
    budget.turn(2 * RESET_SECONDS)
    budget.turn(3 * RESET_SECONDS)
    assert all(budget.spend(3 * RESET_SECONDS) for _ in range(RESETS))


def test_streams_that_end_well_pay_for_others() -> None:
    """A caller that stops waiting for many of its calls is no attacker, however long the session has been quiet."""
    budget = Resets(0.0)
    for second in range(120):
        budget.turn(float(second))
        budget.completed(10)
    assert all(budget.spend(120.0) for _ in range(500))


def test_updates() -> None:
    budget = Updates()
    assert all(budget.spend() for _ in range(UPDATES))
    assert not budget.spend()


def test_pings() -> None:
    budget = Updates()
    assert not budget.ping()
    budget.sent(0)
    assert not budget.ping()
    for _ in range(2 * PINGS_AT_ONCE):
        budget.sent(1)
    assert all(budget.ping() for _ in range(PINGS_AT_ONCE))
    assert not budget.ping()
