"""Each connection error and each stream error of RFC 9113, as a table: what a client does wrong, and what it gets.

Every case is sent as a whole and byte by byte, while two other clients are served.

Covers `session.py`, `frames.py`, `settings.py`.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import Held, at_rest, hello
from tests.testing import http2
from tests.testing.http2 import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Http2Peer,
    data,
    frame,
    http2_client,
    rst_stream,
    settings,
    window_update,
)
from tests.testing.proxy import proxy

Say = Callable[[Http2Peer], bytes]
OK = -1
UNKNOWN = 0xFA


class Case(NamedTuple):
    """What a client says, and the error that it gets, for its session or for stream 1."""

    section: str
    name: str
    say: Say
    code: int


def bare(raw: bytes) -> Say:
    return lambda _peer: raw


def get(p: Http2Peer) -> bytes:
    """A whole request, which is not answered."""
    return p.request("/held")


def post(p: Http2Peer) -> bytes:
    """A request whose body is to come."""
    return p.request("/held", "POST", end=False)


def block(p: Http2Peer, flags: int, stream: int = 1, before: bytes = b"", after: bytes = b"") -> bytes:
    """HEADERS with a request, and something before and after the block."""
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/held"), (b":authority", b"a")]
    return frame(HEADERS, flags, stream, before + p.block(fields) + after)


SESSION = [
    # 4.1, 4.2: frames
    Case("4.2", "DATA too long", lambda p: post(p) + data(1, bytes(16385)), FRAME_SIZE_ERROR),
    Case("4.2", "HEADERS too long", bare(frame(HEADERS, END_HEADERS, 1, bytes(16385))), FRAME_SIZE_ERROR),
    Case("4.2", "an unknown frame too long", bare(frame(UNKNOWN, 0, 0, bytes(16385))), FRAME_SIZE_ERROR),
    Case("4.2", "a length that never comes", bare(frame(DATA, 0, 1, b"", 2**24 - 1)), FRAME_SIZE_ERROR),
    # 4.3: header blocks
    Case("4.3", "an index that is not there", bare(frame(HEADERS, 5, 1, b"\xff\xff\xff\x0f")), COMPRESSION_ERROR),
    Case("4.3", "a string that is cut off", bare(frame(HEADERS, 5, 1, b"\x00\x05ab")), COMPRESSION_ERROR),
    Case("4.3", "a table larger than allowed", bare(frame(HEADERS, 5, 1, b"\x3f\xff\xff\x03")), COMPRESSION_ERROR),
    Case("4.3", "PRIORITY within", lambda p: block(p, 1) + frame(PRIORITY, 0, 1, bytes(5)), PROTOCOL_ERROR),
    Case("4.3", "DATA within", lambda p: block(p, 1) + data(1, b"x"), PROTOCOL_ERROR),
    Case("4.3", "HEADERS within", lambda p: block(p, 1) + block(p, 5, 3), PROTOCOL_ERROR),
    Case("4.3", "PING within", lambda p: block(p, 1) + http2.ping(b"12345678"), PROTOCOL_ERROR),
    Case("4.3", "SETTINGS within", lambda p: block(p, 1) + settings(), PROTOCOL_ERROR),
    Case("4.3", "an unknown frame within", lambda p: block(p, 1) + frame(UNKNOWN, 0, 1), PROTOCOL_ERROR),
    Case("4.3", "another's CONTINUATION", lambda p: block(p, 1) + frame(CONTINUATION, 4, 3), PROTOCOL_ERROR),
    # 5.1: states of streams
    Case("5.1", "DATA on an idle stream", bare(data(1, b"x")), PROTOCOL_ERROR),
    Case("5.1", "RST_STREAM on an idle stream", bare(rst_stream(1)), PROTOCOL_ERROR),
    Case("5.1", "WINDOW_UPDATE on an idle stream", bare(window_update(1, 1)), PROTOCOL_ERROR),
    Case("5.1", "CONTINUATION on an idle stream", bare(frame(CONTINUATION, 4, 1)), PROTOCOL_ERROR),
    Case("5.1", "DATA behind RST_STREAM", lambda p: post(p) + rst_stream(1) + data(1, b"x"), STREAM_CLOSED),
    Case("5.1", "HEADERS behind RST_STREAM", lambda p: post(p) + rst_stream(1) + block(p, 5), STREAM_CLOSED),
    Case("5.1.1", "an even number", lambda p: block(p, 5, 2), PROTOCOL_ERROR),
    Case("5.1.1", "numbers that fall", lambda p: block(p, 5, 5) + block(p, 5, 3), STREAM_CLOSED),
    Case("5.3.1", "HEADERS on itself", lambda p: block(p, 37, 1, b"\0\0\0\x01\x10"), PROTOCOL_ERROR),
    # 6.1: DATA
    Case("6.1", "DATA on stream 0", lambda p: post(p) + data(0, b"x"), PROTOCOL_ERROR),
    Case("6.1", "DATA all padding", lambda p: post(p) + frame(DATA, PADDED, 1, b"\x05abcd"), PROTOCOL_ERROR),
    Case("6.1", "DATA without its padding", lambda p: post(p) + frame(DATA, PADDED, 1), FRAME_SIZE_ERROR),
    # 6.2: HEADERS
    Case("6.2", "HEADERS on stream 0", lambda p: block(p, 5, 0), PROTOCOL_ERROR),
    Case("6.2", "HEADERS all padding", bare(frame(HEADERS, 5 | PADDED, 1, b"\x05abcd")), PROTOCOL_ERROR),
    Case("6.2", "HEADERS without its padding", bare(frame(HEADERS, 5 | PADDED, 1)), FRAME_SIZE_ERROR),
    Case("6.2", "HEADERS without its priority", bare(frame(HEADERS, 5 | WITH_PRIORITY, 1, b"abcd")), FRAME_SIZE_ERROR),
    Case("6.2", "padding in the priority", bare(frame(HEADERS, 45, 1, b"\x03" + bytes(6))), FRAME_SIZE_ERROR),
    Case("6.2", "more padding than all", bare(frame(HEADERS, 45, 1, b"\x09" + bytes(6))), PROTOCOL_ERROR),
    # 6.3: PRIORITY
    Case("6.3", "PRIORITY on stream 0", bare(frame(PRIORITY, 0, 0, bytes(5))), PROTOCOL_ERROR),
    Case("6.3", "PRIORITY of an idle stream, too long", bare(frame(PRIORITY, 0, 1, bytes(6))), FRAME_SIZE_ERROR),
    # 6.4: RST_STREAM
    Case("6.4", "RST_STREAM on stream 0", bare(rst_stream(0)), PROTOCOL_ERROR),
    Case("6.4", "RST_STREAM too short", lambda p: post(p) + frame(RST_STREAM, 0, 1, b"abc"), FRAME_SIZE_ERROR),
    Case("6.4", "RST_STREAM too long", lambda p: post(p) + frame(RST_STREAM, 0, 1, b"abcde"), FRAME_SIZE_ERROR),
    # 6.5: SETTINGS
    Case("6.5", "SETTINGS on a stream", bare(frame(SETTINGS, 0, 1)), PROTOCOL_ERROR),
    Case("6.5", "SETTINGS of five bytes", bare(frame(SETTINGS, 0, 0, b"abcde")), FRAME_SIZE_ERROR),
    Case("6.5", "an ACK with settings", bare(frame(SETTINGS, ACK, 0, bytes(6))), FRAME_SIZE_ERROR),
    Case("6.5.2", "ENABLE_PUSH 2", bare(settings((2, 2))), PROTOCOL_ERROR),
    Case("6.5.2", "INITIAL_WINDOW_SIZE 2^31", bare(settings((4, 2**31))), FLOW_CONTROL_ERROR),
    Case("6.5.2", "MAX_FRAME_SIZE 16383", bare(settings((5, 16383))), PROTOCOL_ERROR),
    Case("6.5.2", "MAX_FRAME_SIZE 2^24", bare(settings((5, 2**24))), PROTOCOL_ERROR),
    Case("8441 3", "ENABLE_CONNECT_PROTOCOL 2", bare(settings((8, 2))), PROTOCOL_ERROR),
    Case("8441 3", "ENABLE_CONNECT_PROTOCOL taken back", bare(settings((8, 1), (8, 0))), PROTOCOL_ERROR),
    # 6.6 to 6.8
    Case("6.6", "PUSH_PROMISE", lambda p: post(p) + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\x02\x82"), PROTOCOL_ERROR),
    Case("6.7", "PING on a stream", bare(frame(PING, 0, 1, bytes(8))), PROTOCOL_ERROR),
    Case("6.7", "PING too short", bare(frame(PING, 0, 0, bytes(7))), FRAME_SIZE_ERROR),
    Case("6.7", "PING too long", bare(frame(PING, ACK, 0, bytes(9))), FRAME_SIZE_ERROR),
    Case("6.8", "GOAWAY on a stream", bare(frame(GOAWAY, 0, 1, bytes(8))), PROTOCOL_ERROR),
    Case("6.8", "GOAWAY too short", bare(frame(GOAWAY, 0, 0, bytes(7))), FRAME_SIZE_ERROR),
    # 6.9: windows
    Case("6.9", "WINDOW_UPDATE of nothing", bare(window_update(0, 0)), PROTOCOL_ERROR),
    Case("6.9", "WINDOW_UPDATE too short", bare(frame(WINDOW_UPDATE, 0, 0, b"abc")), FRAME_SIZE_ERROR),
    Case("6.9", "WINDOW_UPDATE too long", lambda p: post(p) + frame(WINDOW_UPDATE, 0, 1, b"abcde"), FRAME_SIZE_ERROR),
    Case("6.9.1", "the window over 2^31-1", bare(window_update(0, 2**31 - 1)), FLOW_CONTROL_ERROR),
    Case(
        "6.9.2",
        "a stream's window over 2^31-1 by SETTINGS",
        lambda p: post(p) + window_update(1, 2**31 - 1 - 65535) + settings((4, 65536)),
        FLOW_CONTROL_ERROR,
    ),
    # 6.10: CONTINUATION
    Case("6.10", "CONTINUATION on stream 0", bare(frame(CONTINUATION, 4, 0)), PROTOCOL_ERROR),
    Case("6.10", "CONTINUATION of nothing", lambda p: post(p) + frame(CONTINUATION, 4, 1), PROTOCOL_ERROR),
]

STREAM = [
    Case("5.1", "DATA behind END_STREAM", lambda p: get(p) + data(1, b"x"), STREAM_CLOSED),
    Case("5.1", "HEADERS behind END_STREAM", lambda p: get(p) + p.headers(1, [(b"a", b"b")], end=True), STREAM_CLOSED),
    Case("6.3", "PRIORITY too short", lambda p: get(p) + frame(PRIORITY, 0, 1, bytes(4)), FRAME_SIZE_ERROR),
    Case("5.3.1", "PRIORITY on itself", lambda p: get(p) + frame(PRIORITY, 0, 1, b"\0\0\0\x01\x10"), PROTOCOL_ERROR),
    Case("6.9", "WINDOW_UPDATE of nothing", lambda p: get(p) + window_update(1, 0), PROTOCOL_ERROR),
    Case("6.9.1", "the window over 2^31-1", lambda p: get(p) + window_update(1, 2**31 - 1), FLOW_CONTROL_ERROR),
    Case(
        "6.9.1",
        "DATA beyond the window",
        lambda p: post(p) + b"".join(data(1, bytes(16384)) for _ in range(5)),
        FLOW_CONTROL_ERROR,
    ),
    Case("8.1", "trailers that do not end", lambda p: post(p) + p.headers(1, [(b"a", b"b")]), PROTOCOL_ERROR),
    Case(
        "8.1", "a pseudo-field in trailers", lambda p: post(p) + p.headers(1, [(b":path", b"/")], True), PROTOCOL_ERROR
    ),
    Case("8.1.1", "less than Content-Length", lambda p: told(p, 5) + data(1, b"four", end=True), PROTOCOL_ERROR),
    Case("8.1.1", "more than Content-Length", lambda p: told(p, 3) + data(1, b"four"), PROTOCOL_ERROR),
    Case("8.1.1", "Content-Length and no body", lambda p: told(p, 3, end=True), PROTOCOL_ERROR),
    Case(
        "8.1.1",
        "less than Content-Length, and trailers",
        lambda p: told(p, 5) + data(1, b"four") + p.headers(1, [(b"a", b"b")], end=True),
        PROTOCOL_ERROR,
    ),
]

IGNORED = [
    Case("4.1", "an unknown frame", bare(frame(UNKNOWN, 255, 1, b"abc")), OK),
    Case("4.1", "unknown flags", lambda p: frame(SETTINGS, 0xFE, 0) + frame(PING, ACK | 0xF0, 0, bytes(8)), OK),
    Case("4.1", "a reserved bit", bare(frame(WINDOW_UPDATE, 0, 1 << 31, (1 << 31 | 1).to_bytes(4, "big"))), OK),
    Case("5.1", "WINDOW_UPDATE on a closed stream", lambda p: get(p) + rst_stream(1) + window_update(1, 9), OK),
    Case("5.1", "RST_STREAM on a closed stream", lambda p: get(p) + rst_stream(1) + rst_stream(1), OK),
    Case("5.1", "PRIORITY on a closed stream", lambda p: get(p) + rst_stream(1) + frame(PRIORITY, 0, 1, bytes(5)), OK),
    Case("6.3", "PRIORITY of the wrong length, too late", lambda p: get(p) + rst_stream(1) + frame(PRIORITY, 0, 1), OK),
    Case("5.3", "PRIORITY of an idle stream", bare(frame(PRIORITY, 0, 7, bytes(5))), OK),
    Case("6.5.2", "unknown settings", bare(settings((0xABC, 2**32 - 1), (1, 0), (1, 4096), (6, 1))), OK),
    Case("6.5.2", "ENABLE_PUSH 1", bare(settings((2, 1))), OK),
    Case("6.5.2", "a setting twice: the last holds", bare(settings((4, 0), (4, 65535))), OK),
    Case("6.7", "an answer to a PING that nobody sent", bare(frame(PING, ACK, 0, bytes(8))), OK),
    Case("6.2", "padding and priority", lambda p: block(p, 45, 1, b"\x02" + bytes(5), b"\0\0") + rst_stream(1), OK),
    Case("6.9", "WINDOW_UPDATE to 2^31-1", bare(window_update(0, 2**31 - 1 - 65535)), OK),
    Case("6.10", "CONTINUATION", lambda p: continued(p) + rst_stream(1), OK),
]


def told(p: Http2Peer, length: int, end: bool = False) -> bytes:
    return p.request("/held", "POST", (b"content-length", b"%d" % length), end=end)


def continued(p: Http2Peer) -> bytes:
    """A request in as many frames as it has bytes, the last one empty."""
    raw = block(p, 0)[9:]
    return b"".join(
        [frame(HEADERS, END_STREAM, 1)]
        + [frame(CONTINUATION, 0, 1, raw[at : at + 4]) for at in range(0, len(raw), 4)]
        + [frame(CONTINUATION, END_HEADERS, 1)]
    )


def named(case: Case) -> str:
    return f"{case.section} {case.name}"


async def run(case: Case, bytewise: bool) -> None:
    held = Held()

    async def serve(exchange) -> None:  # type: ignore[no-untyped-def]
        await (held if exchange.target == b"/held" else hello)(exchange)

    async with proxy(service=serve, http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port)
        innocent = [await http2_client(p.port) for _ in range(2)]
        await peer.until(lambda: peer.settings)
        said = case.say(peer)
        peer.skip_to(101)
        if bytewise and len(said) < 2000:
            await peer.send_bytewise(said)
        elif bytewise:
            for at in range(0, len(said), 1000):
                await peer.send(said[at : at + 1000])
        else:
            await peer.send(said)
        for each in innocent:
            assert (await each.fetch()).status == 200
        if case in SESSION:
            await peer.rest()
            assert [code for _, code, _ in peer.goaways] == [case.code]
            assert peer.goaways[0][2]
            assert not peer.broken
        elif case in STREAM:
            seen = await peer.over(1)
            assert (seen.reset, seen.blocks) == (case.code, [])
            assert (await peer.fetch()).status == 200
            await peer.still_there()
            assert not peer.goaways
            await peer.close()
        else:
            assert (await peer.fetch()).status == 200
            assert peer.seen.get(1) is None or peer.seen[1].over
            await peer.still_there()
            assert not peer.goaways
            assert p.stats.protocol_errors == 0
            await peer.close()
        for each in innocent:
            assert (await each.fetch()).status == 200
            assert not each.goaways
            await each.close()
        assert held.gone == held.begun


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", SESSION, ids=named)
async def test_connection_errors(case: Case, bytewise: bool) -> None:
    await run(case, bytewise)


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", STREAM, ids=named)
async def test_stream_errors(case: Case, bytewise: bool) -> None:
    await run(case, bytewise)


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", IGNORED, ids=named)
async def test_what_is_no_error(case: Case, bytewise: bool) -> None:
    await run(case, bytewise)


async def test_a_stream_whose_window_was_passed_gives_back_what_it_took() -> None:
    async with proxy(service=Held(), http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port)
        await peer.send(post(peer), *[data(1, bytes(16384)) for _ in range(5)])
        await peer.over(1)
        await at_rest(p, peer)
        await peer.close()


async def test_data_beyond_the_window_of_the_connection() -> None:
    """6.9.1: of several streams together, each within its own."""
    async with proxy(service=Held(), http2=Http2ServerSettings(link_window=65535)) as p:
        peer = await http2_client(p.port)
        await peer.send(*[post(peer) for _ in range(3)])
        await peer.send(*[data(n, bytes(16384)) for n in (1, 3, 5, 1, 3)])
        await peer.rest()
        assert [code for _, code, _ in peer.goaways] == [FLOW_CONTROL_ERROR]


@pytest.mark.parametrize(
    "start",
    [
        http2.PREFACE + frame(PING, 0, 0, bytes(8)),
        http2.PREFACE + frame(SETTINGS, ACK, 0),
        http2.PREFACE + frame(HEADERS, 5, 1, b"\x82"),
    ],
    ids=["PING", "ACK", "HEADERS"],
)
async def test_the_first_frame_has_to_be_settings(start: bytes) -> None:
    """3.4; ours come first all the same."""
    async with proxy(service=hello, http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port, greet=False)
        await peer.send(start)
        await peer.rest()
        assert [code for _, code, _ in peer.goaways] == [PROTOCOL_ERROR]
        assert peer.frames[0].kind == SETTINGS


@pytest.mark.parametrize(
    ("start", "answered"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, True),
        (http2.PREFACE[:-1] + b"x", False),
        (b"\x16\x03\x01\x02\x00\x01\x00", False),
        (b"SSH-2.0-x\r\n", False),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", None),
    ],
    ids=["GET", "POST", "no preface", "TLS", "SSH", "half a preface"],
)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
async def test_who_speaks_something_else(start: bytes, answered: bool | None, bytewise: bool) -> None:
    async with proxy(service=hello, http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port, greet=False)
        if bytewise:
            await peer.send_bytewise(start[:200])
            start = start[200:]
        await peer.send(start)
        if answered is None:
            await peer.stream.send_eof()
        raw = await peer.raw()
        assert raw.startswith(b"HTTP/1.1 505 ") if answered else raw == b""
        assert (b"HTTP/2 only" in raw) is (answered is True)
