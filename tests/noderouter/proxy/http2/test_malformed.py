"""Messages that are malformed or too large: each is refused with its reason, and the next one is decoded as ever."""

from types import ModuleType
from typing import Any

import pytest

from tests.noderouter.proxy.http2.blocks import GET, INDEXED, NEVER, OK, WITHOUT, block, literal
from tests.testing.respelled import RESPELLED

M, S, A, P = GET
CONNECT = (b":method", b"CONNECT")
WEBSOCKET = (b":protocol", b"websocket")
NAME = "a field name is not a lower-case token"
CONTROL = "a control byte in a field value"
BLANK = "white space around a field value"
SPECIFIC = "a connection-specific field"
LENGTH = "Content-Length is not a number, or has too many digits"
AUTHORITY = ":authority is not host[:port]"
PATH = ":path is empty or has a byte that is not allowed"
STATUS = ":status is not three digits from 100 to 999"

FIELDS: list[tuple[tuple[bytes, bytes], str]] = [
    ((b"", b"x"), NAME),
    ((b"Accept", b"x"), NAME),
    ((b"a b", b"x"), NAME),
    ((b"a:", b"x"), NAME),
    ((b"a:b", b"x"), NAME),
    ((b"a\x00", b"x"), NAME),
    ((b"a\r\nb", b"x"), NAME),
    ((b"\xe4", b"x"), NAME),
    ((b"a(b)", b"x"), NAME),
    ((b" a", b"x"), NAME),
    ((b"a", b"x\r\nb: c"), CONTROL),
    ((b"a", b"x\n"), CONTROL),
    ((b"a", b"x\r"), CONTROL),
    ((b"a", b"\x00"), CONTROL),
    ((b"a", b"x\x7f"), CONTROL),
    ((b"a", b"\x1b[0m"), CONTROL),
    ((b"a", b"long enough\x01 for two words"), CONTROL),
    ((b"a", b" x"), BLANK),
    ((b"a", b"x "), BLANK),
    ((b"a", b"\tx"), BLANK),
    ((b"a", b"x\t"), BLANK),
    ((b"a", b" "), BLANK),
    ((b"connection", b"close"), SPECIFIC),
    ((b"connection", b""), SPECIFIC),
    ((b"keep-alive", b"x"), SPECIFIC),
    ((b"proxy-connection", b"x"), SPECIFIC),
    ((b"transfer-encoding", b"chunked"), SPECIFIC),
    ((b"upgrade", b"h2c"), SPECIFIC),
    ((b"te", b"gzip"), "te is not trailers"),
    ((b"te", b"trailers, gzip"), "te is not trailers"),
    ((b"te", b""), "te is not trailers"),
    ((b":", b"x"), "an unknown pseudo-field"),
    ((b":odd", b"x"), "an unknown pseudo-field"),
    ((b":Path", b"/"), "an unknown pseudo-field"),
    ((b":never-indexed", b"x"), "an unknown pseudo-field"),
]
"""Wrong in every kind of message."""

LENGTHS: list[tuple[list[tuple[bytes, bytes]], str]] = [
    ([(b"content-length", b"")], LENGTH),
    ([(b"content-length", b"+5")], LENGTH),
    ([(b"content-length", b"5, 5")], LENGTH),
    ([(b"content-length", b"0x5")], LENGTH),
    ([(b"content-length", b"-1")], LENGTH),
    ([(b"content-length", b"9" * 33)], LENGTH),
    ([(b"content-length", b"5")] * 2, "more than one Content-Length"),
    ([(b"content-length", b"5"), (b"x", b"y"), (b"content-length", b"6")], "more than one Content-Length"),
]

REQUESTS: list[tuple[list[tuple[bytes, bytes]], str]] = [
    *(([*GET, field], reason) for field, reason in FIELDS),
    *(([*GET, *fields], reason) for fields, reason in LENGTHS),
    ([*GET, (b"content-length", b"9" * 19)], LENGTH),
    ([*GET, (b":status", b"200")], "a pseudo-field of the other kind of message"),
    ([M, S, A, (b"x", b"y"), P], "a pseudo-field behind other fields"),
    ([M, S, P, (b"host", b"a:80"), A], "a pseudo-field behind other fields"),
    ([M, *GET], "a pseudo-field twice"),
    ([*GET, S], "a pseudo-field twice"),
    ([*GET, A], "a pseudo-field twice"),
    ([*GET, P], "a pseudo-field twice"),
    ([CONNECT, S, A, P, WEBSOCKET, WEBSOCKET], "a pseudo-field twice"),
    ([], "no :method"),
    ([S, A, P], "no :method"),
    ([M, A, P], "no :scheme"),
    ([M, S, A], "no :path"),
    ([M, S, P], "neither :authority nor Host"),
    ([M, S, P, (b"x", b"y")], "neither :authority nor Host"),
    ([(b":method", b""), S, A, P], ":method is not a token"),
    ([(b":method", b"G T"), S, A, P], ":method is not a token"),
    ([(b":method", b"GET / HTTP/1.1"), S, A, P], ":method is not a token"),
    ([(b":method", b"\xe4"), S, A, P], ":method is not a token"),
    *(
        ([M, (b":scheme", text), A, P], ":scheme is not a scheme")
        for text in (b"", b"1http", b"http:", b"ht tp", b"-", b"h\xe4")
    ),
    *(
        ([M, S, (b":authority", text), P], AUTHORITY)
        for text in (
            b"",
            b"u@a",
            b"u:p@a:80",
            b"a b",
            b"a/b",
            b"a,b",
            b":80",
            b"a:99999",
            b"a:x",
            b"[::g]",
            b"[::1",
            b"a?b",
            b"\xe4",
            b"a#b",
        )
    ),
    *(
        ([M, S, A, (b":path", text)], PATH)
        for text in (
            b"",
            b"/a b",
            b"/#",
            b"/a#b",
            b"/\x80",
            b"/\xff",
            b"/\xc3\xa4",
            b"/<",
            b"/>",
            b"/a\\b",
            b"/?<",
            b"/?#",
        )
    ),
    *(([M, S, A, (b":path", text)], CONTROL) for text in (b"/\x00", b"/\r\n", b"/ HTTP/1.1\r\nx: y", b"/\x7f")),
    *(
        ([M, S, A, (b":path", text)], ":path does not begin with /")
        for text in (b"a", b"?x", b"http://a/", b"**", b"*/")
    ),
    ([M, S, A, (b":path", b"*")], "the :path * is for OPTIONS only"),
    ([*GET, (b"host", b"")], "Host is not host[:port]"),
    ([M, S, P, (b"host", b"u@a")], "Host is not host[:port]"),
    ([*GET, (b"host", b"b")], "Host and :authority differ"),
    ([*GET, (b"host", b"a")], "Host and :authority differ"),
    ([*GET, (b"host", b"a:80"), (b"host", b"a:80")], "more than one Host"),
    ([M, S, P, (b"host", b"a"), (b"host", b"a")], "more than one Host"),
    ([CONNECT, A, S], "CONNECT with :scheme or :path"),
    ([CONNECT, A, P], "CONNECT with :scheme or :path"),
    ([CONNECT, S, A, P], "CONNECT with :scheme or :path"),
    ([CONNECT], "neither :authority nor Host"),
    ([CONNECT, (b":authority", b"a")], "the :authority of CONNECT is not host:port"),
    ([CONNECT, (b":authority", b"a:")], "the :authority of CONNECT is not host:port"),
    ([CONNECT, (b"host", b"a:80")], "the :authority of CONNECT is not host:port"),
    ([CONNECT, A, (b"content-length", b"5")], "CONNECT with a body"),
    ([CONNECT, S, A, P, WEBSOCKET], "an extended CONNECT, which was not offered"),
    ([*GET, WEBSOCKET], ":protocol without CONNECT"),
    ([CONNECT, S, A, P, (b":protocol", b"")], ":protocol is not a token"),
    ([CONNECT, S, A, P, (b":protocol", b"web socket")], ":protocol is not a token"),
]

RESPONSES: list[tuple[list[tuple[bytes, bytes]], str]] = [
    *(([*OK, field], reason) for field, reason in FIELDS),
    *(([*OK, *fields], reason) for fields, reason in LENGTHS),
    *(([*OK, field], "a pseudo-field of the other kind of message") for field in (*GET, WEBSOCKET)),
    ([(b"x", b"y"), *OK], "a pseudo-field behind other fields"),
    ([*OK, *OK], "a pseudo-field twice"),
    ([], "no :status"),
    ([(b"x", b"y")], "no :status"),
    *(
        ([(b":status", text)], STATUS)
        for text in (b"", b"20", b"2000", b"2x0", b"099", b"000", b"+20", b"20 0", b"\xb2\xb2\xb2")
    ),
    ([(b":status", b"101")], "a status of 101, which HTTP/2 does not have"),
]

TRAILERS: list[tuple[list[tuple[bytes, bytes]], str]] = [
    *(([field], reason) for field, reason in FIELDS),
    *(([(b"grpc-status", b"0"), field], "a pseudo-field among trailer fields") for field in (*GET, *OK, WEBSOCKET)),
    *(
        ([(name, b"5")], "a trailer field that must not be one")
        for name in (
            b"content-length",
            b"host",
            b"via",
            b"x-forwarded-for",
            b"expect",
            b"authorization",
            b"set-cookie",
            b"range",
            b"content-type",
            b"if-match",
            b"max-forwards",
            b"cookie",
        )
    ),
]


def refused(kind: str) -> tuple[Any, ...]:
    """What is answered beside status and reason."""
    return {
        "request": (b"", b"", None, b"", None, b"", None, -1),
        "response": (0, b"", None, -1),
        "trailers": (b"", None),
    }[kind]


TABLE = [
    pytest.param(kind, fields, reason, id=f"{kind} {number}: {reason}")
    for kind, table in (("request", REQUESTS), ("response", RESPONSES), ("trailers", TRAILERS))
    for number, (fields, reason) in enumerate(table)
]


@pytest.mark.parametrize("how", [WITHOUT, INDEXED, NEVER])
@pytest.mark.parametrize(("kind", "fields", "reason"), TABLE)
def test_refused(hpacks: ModuleType, kind: str, fields: list[tuple[bytes, bytes]], reason: str, how: int) -> None:
    decoder = hpacks.Decoder()
    data = block(fields, how)
    assert getattr(decoder, kind)(data, 0, len(data)) == (*refused(kind), 400, reason)
    marker = literal(b"x-mark", b"v", INDEXED)  # the table is as the peer's: what was added is found by its index
    whole = block(OK) + marker + b"\xbe"
    assert decoder.response(whole, 0, len(whole))[1] == b"x-mark: v\r\nx-mark: v\r\n"
    if how == INDEXED and fields:
        again = bytes([0xBE + 1 + place for place in reversed(range(len(fields)))])
        assert getattr(decoder, kind)(again, 0, len(again)) == (*refused(kind), 400, reason)


def test_what_is_wrong_first_decides(hpacks: ModuleType) -> None:
    data = block([M, (b"A", b"x"), (b"te", b"x"), (b":odd", b"")])
    assert hpacks.Decoder().request(data, 0, len(data))[8:] == (400, NAME)


RIGHT: list[tuple[list[tuple[bytes, bytes]], tuple[Any, ...]]] = [
    ([*GET], (b"GET", b"http", b"a:80", b"/x", None, b"host: a:80\r\n", None, -1)),
    ([M, S, P, (b"host", b"A")], (b"GET", b"http", b"A", b"/x", None, b"host: A\r\n", None, -1)),
    (
        [*GET, (b"host", b"A:80"), (b"x", b"")],
        (b"GET", b"http", b"a:80", b"/x", None, b"host: a:80\r\nx: \r\n", None, -1),
    ),
    (
        [(b":method", b"OPTIONS"), S, A, (b":path", b"*")],
        (b"OPTIONS", b"http", b"a:80", b"*", None, b"host: a:80\r\n", None, -1),
    ),
    ([CONNECT, A], (b"CONNECT", b"", b"a:80", b"", None, b"host: a:80\r\n", None, -1)),
    ([CONNECT, A, (b"content-length", b"0")], (b"CONNECT", b"", b"a:80", b"", None, b"host: a:80\r\n", None, 0)),
    ([CONNECT, S, A, P, WEBSOCKET], (b"CONNECT", b"http", b"a:80", b"/x", b"websocket", b"host: a:80\r\n", None, -1)),
    (
        [(b":method", b"M-SEARCH"), (b":scheme", b"a+b-c.1"), (b":authority", b"[::1]"), (b":path", b"//?\\{}")],
        (b"M-SEARCH", b"a+b-c.1", b"[::1]", b"//?\\{}", None, b"host: [::1]\r\n", None, -1),
    ),
    (
        [*GET, (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"), (b"content-length", b"0" * 17 + b"7")],
        (b"GET", b"http", b"a:80", b"/x", None, b"host: a:80\r\nx: y\r\ncookie: a=b; c=d\r\n", None, 7),
    ),
    (
        [*GET, (b"te", b"Trailers"), (b"x", b"\xe4\tb"), (b"l5d-dtab", b"/a => /b"), (b"proxy-authorization", b"x")],
        (
            b"GET",
            b"http",
            b"a:80",
            b"/x",
            None,
            b"host: a:80\r\nx: \xe4\tb\r\n",
            ((b"te", b"Trailers"), (b"l5d-dtab", b"/a => /b")),
            -1,
        ),
    ),
    (
        [*GET, *((name, b"7") for name in RESPELLED), (b"x_y", b"z"), (b"content_type", b"a")],
        (b"GET", b"http", b"a:80", b"/x", None, b"host: a:80\r\nx_y: z\r\ncontent_type: a\r\n", None, -1),
    ),
]


@pytest.mark.parametrize(("fields", "expected"), RIGHT)
def test_right_requests(hpacks: ModuleType, fields: list[tuple[bytes, bytes]], expected: tuple[Any, ...]) -> None:
    decoder = hpacks.Decoder(extended_connect=True)
    for how in (WITHOUT, INDEXED):
        data = block(fields, how)
        assert decoder.request(b"##" + data + b"#", 2, len(data) + 2) == (*expected, 0, "")


@pytest.mark.parametrize(
    ("crumbs", "line"),
    [
        ([b"a", b""], b"cookie: a\r\n"),
        ([b"", b"a"], b"cookie: a\r\n"),
        ([b"a", b"", b"b", b""], b"cookie: a; b\r\n"),
        ([b""], b"cookie: \r\n"),
        ([b"", b""], b"cookie: \r\n"),
    ],
)
def test_empty_cookies_add_nothing(hpacks: ModuleType, crumbs: list[bytes], line: bytes) -> None:
    """White space at the end of a line would be what nobody may send."""
    data = block([*GET, *((b"cookie", crumb) for crumb in crumbs)])
    assert hpacks.Decoder().request(data, 0, len(data))[5] == b"host: a:80\r\n" + line


def test_right_responses(hpacks: ModuleType) -> None:
    data = block(
        [
            (b":status", b"503"),
            (b"host", b"any thing"),
            (b"cookie", b"a"),
            (b"cookie", b"b"),
            (b"via", b"1.1 x"),
            (b"content-length", b"9" * 32),
            (b"proxy-authenticate", b"x"),
            (b"grpc-status", b"0"),
        ]
    )
    lines = b"host: any thing\r\ncookie: a\r\ncookie: b\r\ngrpc-status: 0\r\n"
    assert hpacks.Decoder().response(data, 0, len(data)) == (503, lines, ((b"via", b"1.1 x"),), int("9" * 32), 0, "")
    assert hpacks.Decoder().response(b"\x88", 0, 1) == (200, b"", None, -1, 0, "")
    early = block([(b":status", b"103"), (b"link", b"</x>")])
    assert hpacks.Decoder().response(early, 0, len(early))[:2] == (103, b"link: </x>\r\n")


def test_trailers_of_responses_have_any_name_but_those_of_framing(hpacks: ModuleType) -> None:
    decoder = hpacks.Decoder()
    assert decoder.any_trailers is False
    decoder.any_trailers = True
    fields = [
        (b"content-type", b"x"),
        (b"retry-after", b"5"),
        (b"date", b"now"),
        (b"x-forwarded-for", b"y"),
        (b"via", b"z"),
    ]
    data = block(fields)
    lines = b"content-type: x\r\nretry-after: 5\r\ndate: now\r\nx-forwarded-for: y\r\n"
    assert decoder.trailers(data, 0, len(data)) == (lines, None, 0, "")
    for name in (b"content-length", b"host"):
        data = block([(name, b"5")])
        assert decoder.trailers(data, 0, len(data)) == (b"", None, 400, "a trailer field that must not be one")


def test_right_trailers(hpacks: ModuleType) -> None:
    reserved = [(b"te", b"trailers"), (b"trailer", b"x"), (b"l5d-success-class", b"1.0"), (b"l5d-dtab", b"/a => /b")]
    data = block([(b"grpc-status", b"0"), *reserved, (b"grpc-message", b"")])
    assert hpacks.Decoder().trailers(data, 0, len(data)) == (b"grpc-status: 0\r\ngrpc-message: \r\n", None, 0, "")
    assert hpacks.Decoder().trailers(b"", 0, 0) == (b"", None, 0, "")


def test_what_is_ours_behind_cgi_is_dropped_from_responses_and_trailers_and_never_sent(hpacks: ModuleType) -> None:
    decoder = hpacks.Decoder()
    named = [(name, b"a") for name in RESPELLED]
    data = block([*OK, *named, (b"x_y", b"z")])
    assert decoder.response(data, 0, len(data))[:4] == (200, b"x_y: z\r\n", None, -1)
    data = block([*(pair for pair in named if not pair[0].startswith(b"x-forwarded-")), (b"x_y", b"z")])
    assert decoder.trailers(data, 0, len(data)) == (b"x_y: z\r\n", None, 0, "")
    data = literal(b"l5d_dtab", b"/a => /b", NEVER)
    assert decoder.trailers(data, 0, len(data)) == (b"", None, 0, "")
    lines = b"".join(b"%b: %b\r\n" % (name.title(), value) for name, value in named)
    left = b"x_y: z\r\n"
    assert hpacks.Encoder().trailers(1, None, lines + left) == hpacks.Encoder().trailers(1, None, left)


def test_never_indexed_is_told(hpacks: ModuleType) -> None:
    fields = [
        *GET,
        (b"x", b"y"),
        (b"cookie", b"a"),
        (b"via", b"z"),
        (b"proxy-authorization", b"q"),
        (b"content-length", b"1"),
    ]
    data = block(fields[:4]) + block(fields[4:], NEVER)
    found = hpacks.Decoder().request(data, 0, len(data))
    named = [(b":never-indexed", name) for name in (b"x", b"cookie", b"via", b"content-length")]
    assert found[6] == (*named[:2], (b"via", b"z"), *named[2:])
    data = block(OK) + literal(b"set-cookie", b"a", NEVER)
    assert hpacks.Decoder().response(data, 0, len(data))[2] == ((b":never-indexed", b"set-cookie"),)
    data = literal(b"x", b"y", NEVER) + literal(b"l5d-a", b"z", NEVER)
    assert hpacks.Decoder().trailers(data, 0, len(data)) == (b"x: y\r\n", ((b":never-indexed", b"x"),), 0, "")
    data += literal(b":status", b"200", NEVER)
    assert hpacks.Decoder().trailers(data, 0, len(data))[:3] == (b"", None, 400)
