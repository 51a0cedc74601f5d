"""Endpoints that break every rule of HTTP/2 there is (RFC 9113, RFC 9110): what clients of either version see.

A fault of a stream ends its exchange with 502, or cuts a response that has begun, and another stream of the same
session goes on. A fault of the connection ends all that are on it, and the next request has a new one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import trio

from tests.noderouter.proxy.http2.fronts import FRONTS, ask, fronted
from tests.testing.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    INTERNAL_ERROR,
    MAX_FRAME_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Http2Peer,
    data,
    frame,
    http2_origin,
    ping,
    rst_stream,
    settings,
    window_update,
)
from tests.testing.loop import until

Frames = Callable[[Http2Peer, int], bytes]


@dataclass(frozen=True)
class Fault:
    """What an endpoint does on the stream of a request, and in which words it is told."""

    name: str
    frames: Frames
    words: str

    def __str__(self) -> str:
        return self.name


def head(peer: Http2Peer, number: int, *fields: tuple[bytes, bytes], end: bool = False) -> bytes:
    return peer.headers(number, fields, end)


def raw_block(flags: int, payload: bytes) -> Frames:
    return lambda _peer, number: frame(HEADERS, END_HEADERS | flags, number, payload)


OK = (b":status", b"200")
LESS = "less DATA than Content-Length says"
EITHER = "more or less DATA than Content-Length says"
INTERIM = "too many or malformed interim responses"

ON_A_STREAM = (
    Fault("DATA before the head", lambda p, n: data(n, b"x") + p.response(n), "DATA before the response head"),
    Fault("END_STREAM before the head", lambda p, n: data(n, b"", True), "DATA before the response head"),
    Fault("no body, but a length", lambda p, n: p.response(n, 200, (b"content-length", b"3"), end=True), LESS),
    Fault("33 interim responses", lambda p, n: b"".join(p.response(n, 103) for _ in range(33)), INTERIM),
    Fault(
        "large interim responses",
        lambda p, n: b"".join(p.response(n, 103, (b"link", b"%d" % each * 4100)) for each in range(11)),
        INTERIM,
    ),
    Fault("an interim response that ends", lambda p, n: p.response(n, 103, end=True), INTERIM),
    Fault("an interim response with a body", lambda p, n: p.response(n, 103, (b"content-length", b"1")), INTERIM),
    Fault("101", lambda p, n: p.response(n, 101), "101"),
    Fault("WINDOW_UPDATE of nothing", lambda _, n: window_update(n, 0), "WINDOW_UPDATE of nothing"),
    Fault("a window too large", lambda _, n: window_update(n, 2**31 - 1), "the window of a stream is over 2^31-1"),
    Fault(
        "a stream that depends on itself",
        lambda _, n: frame(PRIORITY, 0, n, n.to_bytes(4, "big") + b"\0"),
        "PRIORITY of the wrong length, or of a stream that depends on itself",
    ),
    Fault("PRIORITY too short", lambda _, n: frame(PRIORITY, 0, n, b"\0\0\0\0"), "PRIORITY of the wrong length"),
)
IN_A_BODY = (
    Fault("too much", lambda _, n: data(n, b"12345678"), EITHER),
    Fault("too little", lambda _, n: data(n, b"1", True), EITHER),
    Fault("too little, and trailers", lambda p, n: head(p, n, (b"a", b"b"), end=True), LESS),
    Fault("trailers that do not end it", lambda p, n: head(p, n, (b"a", b"b")), "trailers without END_STREAM"),
    Fault("a pseudo-field in trailers", lambda p, n: head(p, n, OK, end=True), ""),
    Fault("WINDOW_UPDATE of nothing", lambda _, n: window_update(n, 0), ""),
    Fault("RST_STREAM", lambda _, n: rst_stream(n, INTERNAL_ERROR), ""),
    Fault("RST_STREAM without a reason", lambda _, n: rst_stream(n, NO_ERROR), ""),
)


def fields(name: str, *lines: tuple[bytes, bytes], words: str = "") -> Fault:
    return Fault(name, lambda p, n: head(p, n, *lines), words)


HEADS = (
    fields("no status", (b"a", b"b")),
    fields("a status of two digits", (b":status", b"20")),
    fields("a status of four digits", (b":status", b"2000")),
    fields("a status that is no number", (b":status", b"2x0")),
    fields("a status below 100", (b":status", b"099")),
    fields("a signed status", (b":status", b"+20")),
    fields("two statuses", OK, OK),
    fields("a late status", (b"a", b"b"), OK),
    fields("a pseudo-field of requests", OK, (b":path", b"/")),
    fields("an unknown pseudo-field", OK, (b":x", b"y")),
    fields("an upper-case name", OK, (b"Server", b"x")),
    fields("an empty name", OK, (b"", b"x")),
    fields("a name with a space", OK, (b"a b", b"x")),
    fields("a name with a colon", OK, (b"a:b", b"x")),
    fields("a name with CR LF", OK, (b"a\r\nb", b"x")),
    fields("a name with NUL", OK, (b"a\0", b"x")),
    fields("a value with CR LF", OK, (b"a", b"x\r\nset-cookie: y")),
    fields("a value with LF", OK, (b"a", b"x\ny")),
    fields("a value with CR", OK, (b"a", b"x\ry")),
    fields("a value with NUL", OK, (b"a", b"x\0y")),
    fields("a value with a control byte", OK, (b"a", b"x\x7f")),
    fields("a value that begins with a blank", OK, (b"a", b" x")),
    fields("a value that ends in a tab", OK, (b"a", b"x\t")),
    fields("connection", OK, (b"connection", b"close")),
    fields("keep-alive", OK, (b"keep-alive", b"timeout=5")),
    fields("proxy-connection", OK, (b"proxy-connection", b"close")),
    fields("transfer-encoding", OK, (b"transfer-encoding", b"chunked")),
    fields("upgrade", OK, (b"upgrade", b"websocket")),
    fields("two lengths", OK, (b"content-length", b"5"), (b"content-length", b"5")),
    fields("a list of lengths", OK, (b"content-length", b"5, 5")),
    fields("a signed length", OK, (b"content-length", b"+5")),
    fields("a negative length", OK, (b"content-length", b"-5")),
    fields("an empty length", OK, (b"content-length", b"")),
    fields("a huge length", OK, (b"content-length", b"9" * 33)),
    fields("a large list", OK, *[(b"a", b"x" * 1000) for _ in range(70)]),
    fields("many fields", OK, *[(b"a", b"") for _ in range(600)]),
)

ON_THE_CONNECTION = (
    Fault("a frame too large", lambda _, n: frame(DATA, 0, n, bytes(16385)), "a frame of 16385 bytes"),
    Fault("a frame of 16 MB", lambda _, n: frame(0x77, 0, n, b"", 2**24 - 1), "a frame of 16777215 bytes"),
    Fault("DATA on stream 0", lambda _p, _n: data(0, b"x"), "DATA on an idle stream"),
    Fault("HEADERS on stream 0", lambda p, _n: p.response(0), "HEADERS on stream 0"),
    Fault("RST_STREAM on stream 0", lambda _p, _n: rst_stream(0), "RST_STREAM on stream 0"),
    Fault("PRIORITY on stream 0", lambda _p, _n: frame(PRIORITY, 0, 0, bytes(5)), "PRIORITY on stream 0"),
    Fault("DATA on an idle stream", lambda _p, _n: data(99, b"x"), "DATA on an idle stream"),
    Fault("HEADERS on an idle stream", lambda p, _n: p.response(99), "HEADERS on an idle stream"),
    Fault("HEADERS on a stream of its own", lambda p, _n: p.response(2), "HEADERS on an idle stream"),
    Fault("RST_STREAM on an idle stream", lambda _p, _n: rst_stream(99), "RST_STREAM on an idle stream"),
    Fault("a window of an idle stream", lambda _p, _n: window_update(99, 1), "WINDOW_UPDATE on an idle stream"),
    Fault("PUSH_PROMISE", lambda _, n: frame(PUSH_PROMISE, END_HEADERS, n, b"\0\0\0\2\x88"), "PUSH_PROMISE"),
    Fault("SETTINGS on a stream", lambda _, n: frame(SETTINGS, 0, n), "SETTINGS on a stream"),
    Fault("SETTINGS too short", lambda _p, _n: frame(SETTINGS, 0, 0, bytes(5)), "SETTINGS is not a multiple"),
    Fault("ACK with settings", lambda _p, _n: frame(SETTINGS, ACK, 0, bytes(6)), "SETTINGS with ACK"),
    Fault("push is on", lambda _p, _n: settings((ENABLE_PUSH, 1)), "SETTINGS_ENABLE_PUSH is 1"),
    Fault("a large initial window", lambda _p, _n: settings((INITIAL_WINDOW_SIZE, 2**31)), "over 2^31-1"),
    Fault("small frames", lambda _p, _n: settings((MAX_FRAME_SIZE, 16383)), "SETTINGS_MAX_FRAME_SIZE"),
    Fault("large frames", lambda _p, _n: settings((MAX_FRAME_SIZE, 2**24)), "SETTINGS_MAX_FRAME_SIZE"),
    Fault(
        "windows that become too large",
        lambda _, n: window_update(n, 2**31 - 1 - 65535) + settings((INITIAL_WINDOW_SIZE, 65536)),
        "makes a window too large",
    ),
    Fault("PING on a stream", lambda _, n: frame(PING, 0, n, bytes(8)), "PING on a stream"),
    Fault("PING too short", lambda _p, _n: frame(PING, 0, 0, bytes(7)), "PING is not eight bytes"),
    Fault("GOAWAY on a stream", lambda _, n: frame(GOAWAY, 0, n, bytes(8)), "GOAWAY on a stream"),
    Fault("GOAWAY too short", lambda _p, _n: frame(GOAWAY, 0, 0, bytes(7)), "GOAWAY is shorter"),
    Fault("RST_STREAM too long", lambda _, n: frame(RST_STREAM, 0, n, bytes(5)), "RST_STREAM is not four bytes"),
    Fault("WINDOW_UPDATE too short", lambda _, n: frame(WINDOW_UPDATE, 0, n, bytes(3)), "WINDOW_UPDATE is not four"),
    Fault("the window grows by nothing", lambda _p, _n: window_update(0, 0), "WINDOW_UPDATE of nothing"),
    Fault("the window grows too large", lambda _p, _n: window_update(0, 2**31 - 1), "over 2^31-1"),
    Fault("CONTINUATION of nothing", lambda _, n: frame(CONTINUATION, 4, n, b"\x88"), "CONTINUATION without HEADERS"),
    Fault("a block is interrupted", lambda _, n: frame(HEADERS, 0, n, b"\x88") + ping(), "a header block is interrupt"),
    Fault(
        "a block goes on elsewhere",
        lambda _, n: frame(HEADERS, 0, n, b"\x88") + frame(CONTINUATION, 4, n + 2, b""),
        "a header block is interrupted",
    ),
    Fault(
        "a block without an end",
        lambda _, n: frame(HEADERS, 0, n, b"\x88") + frame(CONTINUATION, 0, n, b"\x88") * 17,
        "a header block has no end",
    ),
    Fault(
        "a block of nothing",
        lambda _, n: frame(HEADERS, 0, n, b"\x88") + frame(CONTINUATION, 0, n, b""),
        "a header block has no end",
    ),
    Fault(
        "a block that is too long",
        lambda _, n: frame(HEADERS, 0, n, bytes(16384)) + frame(CONTINUATION, 0, n, bytes(16384)) * 4,
        "a header block has no end",
    ),
    Fault("padding without a length", lambda _, n: frame(HEADERS, 4 | PADDED, n), "HEADERS without its padding"),
    Fault("no priority", lambda _, n: frame(HEADERS, 4 | WITH_PRIORITY, n, bytes(4)), "HEADERS without its priority"),
    Fault(
        "HEADERS that depend on themselves",
        lambda _, n: frame(HEADERS, 4 | WITH_PRIORITY, n, n.to_bytes(4, "big") + b"\0\x88"),
        "depends on itself",
    ),
    Fault("all padding", lambda _, n: frame(HEADERS, 4 | PADDED, n, b"\x09\x88"), "more padding than HEADERS"),
    Fault("DATA, all padding", lambda p, n: p.response(n) + frame(DATA, PADDED, n, b"\x09x"), "more padding than DATA"),
    Fault("no such index", raw_block(END_STREAM, b"\xff\xff\xff\x00"), ""),
    Fault("half a string", raw_block(END_STREAM, b"\x88\x00\x7f\xff"), ""),
    Fault("a table too large", raw_block(END_STREAM, b"\x3f\xe1\xff\x03\x88"), ""),
    Fault("many PINGs", lambda _p, _n: ping() * 1100, "PING, again and again"),
    Fault("many SETTINGS", lambda _p, _n: settings() * 1100, "SETTINGS, again and again"),
    Fault("many priorities", lambda _, n: frame(PRIORITY, 0, n, bytes(5)) * 1100, "PRIORITY, again and again"),
    Fault("unknown frames", lambda _p, _n: frame(0xBE, 0, 0) * 1100, "frames of an unknown type, again and again"),
    Fault("many windows", lambda _p, _n: window_update(0, 1) * 2200, "WINDOW_UPDATE for nothing, again and again"),
    Fault(
        "RST_STREAM again and again", lambda _, n: rst_stream(n) * 2200, "RST_STREAM on closed streams, again and again"
    ),
    Fault("empty DATA", lambda p, n: p.response(n) + data(n, b"") * 1100, "empty DATA, again and again"),
)


@dataclass
class Shape:
    """What the scripted endpoint does with streams: `/slow` waits for `done`, `/bad` has its fault, others are fine."""

    fault: Fault
    begun: bool = False

    def __post_init__(self) -> None:
        self.done = trio.Event()
        self.slow: tuple[Http2Peer, int] | None = None

    async def serve(self, peer: Http2Peer) -> None:
        await peer.greet()
        number = 1
        while True:
            seen = await peer.opened(number)
            path = seen.head[b":path"]
            if path == b"/slow":
                self.slow = peer, number
            elif path == b"/bad":
                if self.begun:
                    await peer.send(peer.response(number, 200, (b"content-length", b"6")) + data(number, b"abc"))
                    await peer.still_there()
                await peer.send(self.fault.frames(peer, number))
            else:
                await peer.send(peer.response(number) + data(number, b"fine", True))
            number += 2

    async def finish_slow(self) -> None:
        assert self.slow is not None
        peer, number = self.slow
        await peer.send(peer.response(number) + data(number, b"at last", True))


async def beside(shape: Shape, front: str, begun: bool, alone: bool) -> None:
    """Play a fault with another request beside it, and one behind it."""

    async def serve(peer: Http2Peer) -> None:
        try:
            await shape.serve(peer)
        except AssertionError:  # the router has left
            await trio.sleep_forever()

    async with http2_origin(serve) as server, fronted(front, server.port) as p:
        slow = []

        async def go_slow() -> None:
            slow.append(await ask(p.port, front, "/slow"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(go_slow)
            await until(lambda: shape.slow is not None)
            seen = await ask(p.port, front, "/bad")
            if begun:
                assert not seen.whole, seen
            else:
                assert (seen.status, seen.whole) == (502, True), seen
                assert not alone or shape.fault.words in seen.text
            if alone:
                await shape.finish_slow()
        if alone:
            assert (slow[0].status, slow[0].text, slow[0].whole) == (200, "at last", True)
        else:
            assert slow[0].status == 502
            assert shape.fault.words in slow[0].text
        seen = await ask(p.port, front, "/good")
        assert (seen.status, seen.text, seen.whole) == (200, "fine", True)
        assert len(server.peers) == (1 if alone else 2)
        assert not p.faults
        taken = sum(each.taken for node in p.client.endpoints.values() for each in node.pool.connections)  # type: ignore[attr-defined]
        assert taken == 0


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("fault", ON_A_STREAM, ids=str)
async def test_a_fault_of_a_stream_is_answered_502_and_touches_no_other(fault: Fault, front: str) -> None:
    await beside(Shape(fault), front, False, True)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("fault", HEADS, ids=str)
async def test_a_malformed_head_is_answered_502_and_touches_no_other(fault: Fault, front: str) -> None:
    await beside(Shape(fault), front, False, True)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("fault", IN_A_BODY, ids=str)
async def test_a_fault_within_a_body_cuts_the_response(fault: Fault, front: str) -> None:
    await beside(Shape(fault, begun=True), front, True, True)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("fault", ON_THE_CONNECTION, ids=str)
async def test_a_fault_of_the_connection_ends_all_that_is_on_it(fault: Fault, front: str) -> None:
    await beside(Shape(fault), front, False, False)
