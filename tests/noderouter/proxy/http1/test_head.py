"""Heads as they should be: what comes out of them, for both implementations."""

import gc
import importlib.util
import sys
import tracemalloc
from collections.abc import Callable
from types import ModuleType

import pytest

from noderouter.core.headers import Headers
from noderouter.proxy.http.field_names import END_TO_END_PREFIXES
from noderouter.proxy.http1 import head, head_pure
from noderouter.proxy.http1.fields import HeadError
from tests.testing.respelled import RESPELLED

LIMITS = (8192, 65536)


def request(heads: ModuleType, *fields: bytes, line: bytes = b"GET / HTTP/1.1") -> tuple:  # type: ignore[type-arg]
    data = b"\r\n".join([line, b"Host: a", *fields, b"", b""])
    found = heads.parse_request(data, *LIMITS)
    assert found is not None
    assert found[0] == len(data)
    return found  # type: ignore[no-any-return]


def response(heads: ModuleType, *fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> tuple:  # type: ignore[type-arg]
    found = heads.parse_response(b"\r\n".join([line, *fields, b"", b""]), *LIMITS)
    assert found is not None
    return found  # type: ignore[no-any-return]


def refused(heads: ModuleType, data: bytes, *limits: int) -> tuple[int, str]:
    with pytest.raises(HeadError) as caught:
        heads.parse_request(data, *(limits or LIMITS))
    return caught.value.status, str(caught.value)


def test_request_in_full(heads: ModuleType) -> None:
    data = (
        b"POST /a%20b?c={d}|e HTTP/1.1\r\nHost: a.b:8080\r\nX-Empty:\r\nACCEPT:  text/*;q=.5 ,\tx\t \r\n"
        b"Content-Length: 5\r\nconnection: Keep-Alive, Foo\r\nfOO: gone\r\nVia: 1.1 x\r\nL5d-Dtab: /a=>/b\r\n"
        b"Bar: stays\r\n\r\nhello"
    )
    assert heads.parse_request(data, *LIMITS) == (
        len(data) - 5, b"POST", b"/a%20b?c={d}|e", 1, b"a.b:8080", 5, True,
        b"Host: a.b:8080\r\nX-Empty: \r\nACCEPT: text/*;q=.5 ,\tx\r\nBar: stays\r\n",
        ((b"via", b"1.1 x"), (b"l5d-dtab", b"/a=>/b")),
    )  # fmt: skip


def test_response_in_full(heads: ModuleType) -> None:
    data = b"HTTP/1.0 404 Not  F\xe4nd \r\nhost: any thing\r\nl5d-err: x\r\nTransfer-encodin: y\r\n\r\n"
    assert heads.parse_response(data, *LIMITS) == (
        len(data), 404, b"Not  F\xe4nd ", 0, -2, False, b"host: any thing\r\nTransfer-encodin: y\r\n",
        ((b"l5d-err", b"x"),),
    )  # fmt: skip


@pytest.mark.parametrize("line", [b"HTTP/1.1 204", b"HTTP/1.1 204 "])
def test_empty_reason(heads: ModuleType, line: bytes) -> None:
    assert response(heads, line=line)[1:3] == (204, b"")


def test_no_fields(heads: ModuleType) -> None:
    assert heads.parse_request(b"GET / HTTP/1.0\r\n\r\n", *LIMITS) == (18, b"GET", b"/", 0, None, 0, False, b"", None)
    assert heads.parse_response(b"HTTP/1.1 200 \r\n\r\n", *LIMITS) == (17, 200, b"", 1, -2, True, b"", None)


@pytest.mark.parametrize("method", [b"GET", b"TRACE", b"get", b"M-SEARCH", b"!#$%&'*+-.^_`|~09Az", b"X"])
def test_methods(heads: ModuleType, method: bytes) -> None:
    assert request(heads, line=method + b" / HTTP/1.1")[1] == method


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request(heads: ModuleType, before: bytes) -> None:
    data = before + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    found = heads.parse_request(data, *LIMITS)
    assert found is not None
    assert found[0] == len(data)
    assert heads.parse_request(before, *LIMITS) is None


def test_pipelined_bytes_are_left_alone(heads: ModuleType) -> None:
    one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert heads.parse_request(one + b"\0 anything", *LIMITS) == heads.parse_request(one, *LIMITS)


HOP_BY_HOP = [
    b"Connection: x", b"Keep-Alive: timeout=5", b"Proxy-Connection: close", b"Proxy-Authenticate: Basic",
    b"Proxy-Authorization: Basic eA==", b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Upgrade: websocket",
]  # fmt: skip


@pytest.mark.parametrize("line", HOP_BY_HOP)
@pytest.mark.parametrize("case", [bytes.lower, bytes.upper, bytes.title])
def test_hop_by_hop_fields_stay_behind(heads: ModuleType, line: bytes, case: object) -> None:
    name, _, value = line.partition(b":")
    line = case(name) + b":" + value  # type: ignore[operator]
    assert request(heads, b"A: 1", line, b"B: 2")[7:] == (b"Host: a\r\nA: 1\r\nB: 2\r\n", None)
    assert response(heads, b"A: 1", line, b"B: 2")[6:] == (b"A: 1\r\nB: 2\r\n", None)


def test_names_that_only_resemble_ours_are_forwarded(heads: ModuleType) -> None:
    lines = [
        b"T: 1", b"TEE: 1", b"Vi: 1", b"Viaa: 1", b"Hosts: 1", b"Keep-Alivf: 1", b"l5d: 1", b"xl5d-a: 1",
        b"Content-Lengti: 1", b"Proxy-Status: x", b"Content_Type: 1", b"Proxy_Status: x", b"l5dx_: 1", b"_: 1",
        b"Keep_Alivf: 1", b"Keep~Alive: 1", b"KeepMAlive: 1", b"Content_Length_: 7", b"l_5d-dtab: 1",
    ]  # fmt: skip
    block = b"".join(line + b"\r\n" for line in lines)
    assert request(heads, *lines)[7:] == (b"Host: a\r\n" + block, None)


@pytest.mark.parametrize("name", RESPELLED)
@pytest.mark.parametrize("case", [bytes.lower, bytes.upper, bytes.title])
def test_what_is_ours_behind_cgi_is_neither_passed_on_nor_acted_on(
    heads: ModuleType, name: bytes, case: Callable[[bytes], bytes]
) -> None:
    lines = (b"A: 1", case(name) + b": 7", case(name) + b":chunked", b"B: 2")
    named = b"Connection: " + case(name if not name.startswith(END_TO_END_PREFIXES) else b"x")
    for fields in (lines, (*lines, named)):
        assert request(heads, *fields)[5:] == (0, True, b"Host: a\r\nA: 1\r\nB: 2\r\n", None)
        assert response(heads, *fields)[4:] == (-2, True, b"A: 1\r\nB: 2\r\n", None)
    folded = heads.parse_response(b"HTTP/1.1 200 OK\r\n%b: a\r\n b\r\nA: 1\r\n\r\n" % case(name), *LIMITS, True)
    assert folded[6:] == (b"A: 1\r\n", None)


@pytest.mark.parametrize(
    "name",
    [b"l5d-", b"l5d-dtab", b"l5d-ctx-trace", b"via", b"expect", b"te", b"trailer", b"x-forwarded-client-cert",
     b"max-forwards"],
)  # fmt: skip
def test_special_fields(heads: ModuleType, name: bytes) -> None:
    lines = (b"A: 1", name.upper() + b": One, two ", name.title() + b":", b"B: 2")
    reserved = ((name, b"One, two"), (name, b""))
    assert request(heads, *lines)[7:] == (b"Host: a\r\nA: 1\r\nB: 2\r\n", reserved)
    assert response(heads, *lines)[6:] == (b"A: 1\r\nB: 2\r\n", reserved)


def test_upgrade_is_special_where_connection_lists_it(heads: ModuleType) -> None:
    fields = (b"Upgrade: websocket", b"Upgrade: x", b"Connection: keep-alive", b"Connection: Upgrade")
    reserved = ((b"upgrade", b"websocket"), (b"upgrade", b"x"))
    assert request(heads, *fields)[8] == reserved
    assert response(heads, *fields, line=b"HTTP/1.1 101 x")[7] == reserved
    assert request(heads, *fields[:3])[8] is None
    assert request(heads, *fields, line=b"GET / HTTP/1.0")[8] is None  # RFC 9110 section 7.8
    assert request(heads, b"TE: a", *fields, line=b"GET / HTTP/1.0")[8] == ((b"te", b"a"),)


@pytest.mark.parametrize(
    ("minor", "connection", "persist"),
    [
        (1, (), True), (1, (b"close",), False), (1, (b"Close",), False), (1, (b"x, CLOSE ,",), False),
        (1, (b"keep-alive",), True), (1, (b"keep-alive", b"close"), False), (1, (b"closed",), True), (1, (b"",), True),
        (0, (), False), (0, (b"keep-alive",), True), (0, (b"Keep-Alive, close",), False), (0, (b"close",), False),
    ],
)  # fmt: skip
def test_persistence(heads: ModuleType, minor: int, connection: tuple[bytes, ...], persist: bool) -> None:
    fields = [b"Connection: " + value for value in connection]
    assert request(heads, *fields, line=b"GET / HTTP/1.%d" % minor)[6] is persist
    assert response(heads, *fields, line=b"HTTP/1.%d 200 OK" % minor)[5] is persist


def test_connection_removes_what_it_names(heads: ModuleType) -> None:
    found = request(heads, b"A: 1", b"X-Foo: 2", b"x-FOO: 3", b"Connection: , x-foo ,\tB,,te", b"X-Foob: 4", b"b: 5")
    assert found[7] == b"Host: a\r\nA: 1\r\nX-Foob: 4\r\n"


@pytest.mark.parametrize("name", [b"@x", b"a b", b"a/b", b'"a"', b"a;b=c", b"\xe4"])
def test_connection_is_a_list_of_tokens(heads: ModuleType, name: bytes) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, " + name + b"\r\n\r\n"
    assert refused(heads, data) == (400, "Connection is not a list of tokens")


@pytest.mark.parametrize(
    "name",
    b"Host Content-Length content-type VIA l5d-dtab l5d- forwarded X-Forwarded-For authorization cookie set-cookie "
    b"cache-control expect max-forwards x-forwarded-client-cert".split(),
)
def test_connection_must_not_name_fields_for_everybody(heads: ModuleType, name: bytes) -> None:
    data = b" HTTP/1.1\r\nHost: a\r\nConnection: close, " + name + b"\r\n\r\n"
    assert refused(heads, b"GET /" + data) == (400, "Connection names an end-to-end field")
    with pytest.raises(HeadError, match="end-to-end"):
        heads.parse_response(b"HTTP/1.1 200 OK\r\nConnection: " + name + b"\r\n\r\n", *LIMITS)


def test_connection_may_name_transfer_encoding_in_responses_only(heads: ModuleType) -> None:
    line = b"Connection: Transfer-Encoding"  # some large caches really send it
    assert response(heads, line, b"Transfer-Encoding: chunked")[4] == -1
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n"
    assert refused(heads, data) == (400, "Connection names an end-to-end field")


def test_connection_names_at_most_32_fields(heads: ModuleType) -> None:
    names = [b"f%d" % i for i in range(33)]
    lines = [b"Connection: " + b", ".join(names[:16]), b"Connection: te, " + b", ".join(names[16:32])]
    assert request(heads, *lines, b"F31: x")[7] == b"Host: a\r\n"
    data = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"Connection: f32", b"", b""])
    assert refused(heads, data) == (400, "Connection names more than 32 fields")


@pytest.mark.parametrize("value", [b"0", b"7", b"00042", b"999999999999999999", b" 7 ", b"\t7"])
def test_content_length(heads: ModuleType, value: bytes) -> None:
    assert request(heads, b"Content-Length:" + value)[5] == int(value)
    assert response(heads, b"Content-Length:" + value)[4] == int(value)


@pytest.mark.parametrize("value", [b"1" + b"0" * 18, b"18446744073709551621", b"0" * 31 + b"7", b"9" * 32])
def test_a_vast_content_length_is_for_the_client_to_judge(heads: ModuleType, value: bytes) -> None:
    assert response(heads, b"Content-Length: " + value)[4] == int(value)
    with pytest.raises(HeadError):
        response(heads, b"Content-Length: " + value.zfill(33))
    assert refused(heads, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + value + b"\r\n\r\n")[0] == 400


@pytest.mark.parametrize("value", [b"chunked", b"CHUNKED", b"\tChunked "])
def test_chunked(heads: ModuleType, value: bytes) -> None:
    assert request(heads, b"Transfer-Encoding:" + value)[5] == -1
    assert response(heads, b"Transfer-Encoding:" + value)[4] == -1


def test_line_limit_is_exact(heads: ModuleType) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert heads.parse_request(data, 14, 999) is not None
    assert refused(heads, data, 13, 999) == (414, "the request line is too long")
    assert refused(heads, b"\r\n" + data, 13, 999)[0] == 414
    assert heads.parse_request(b"GET /123456", 11, 999) is None
    assert heads.parse_request(b"GET /1234567", 11, 999) is None
    assert refused(heads, b"GET /12345678", 11, 999)[0] == 414  # even with its CRLF it cannot fit any more
    assert refused(heads, b"GET", 0, 999)[0] == 414
    assert refused(heads, b"GET", -5, 999)[0] == 414
    assert heads.parse_response(b"HTTP/1.1 200 OK\r\n\r\n", 15, 999) is not None
    with pytest.raises(HeadError, match="status line is too long") as caught:
        heads.parse_response(b"HTTP/1.1 200 OK\r\n\r\n", 14, 999)
    assert caught.value.status == 431


def test_head_limit_is_exact(heads: ModuleType) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    n = len(data)
    assert heads.parse_request(data, 99, n) is not None
    assert heads.parse_request(data[:-1], 99, n) is None
    assert refused(heads, data, 99, n - 1) == (431, "the head is too large")
    assert refused(heads, data[:-1], 99, n - 1)[0] == 431
    assert refused(heads, b"", 99, 0)[0] == 431
    assert refused(heads, b"", 99, -1)[0] == 431
    with pytest.raises(HeadError, match="head is too large"):
        heads.parse_response(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 99, 24)


def test_at_most_512_fields(heads: ModuleType) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 511
    found = heads.parse_request(data + b"\r\n", *LIMITS)
    assert found is not None
    assert found[7].count(b"\r\n") == 512
    assert heads.parse_request(data + b"\r", *LIMITS) is None
    assert refused(heads, data + b"A") == (431, "more than 512 fields")


def test_long_values_with_tabs_and_high_bytes(heads: ModuleType) -> None:
    value = b"x" * 7 + b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)) + b"y" * 5000
    assert request(heads, b"A: " + value)[7] == b"Host: a\r\nA: " + value + b"\r\n"


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_at_each_place_of_a_long_value(heads: ModuleType, byte: int) -> None:
    """The compiled parser looks at eight bytes at a time; whatever their alignment, none slips through."""
    allowed = byte == 0x09 or (byte >= 0x20 and byte != 0x7F)
    for place in range(1, 23):
        value = b"x" * place + bytes([byte]) + b"x" * (23 - place)
        raw = b"GET / HTTP/1.0\r\nA: " + value + b"\r\n\r\n"
        if allowed:
            found = heads.parse_request(raw, *LIMITS)
            assert found is not None
            assert found[7] == b"A: " + value + b"\r\n"
        else:
            assert refused(heads, raw)[0] == 400


def test_nothing_leaks(heads: ModuleType) -> None:
    good = b"PURGE /x HTTP/1.1\r\nHost: a.b\r\nVia: 1.1 x\r\nL5d-a: bcd\r\n\r\n"

    def work() -> None:
        for _ in range(200):
            heads.parse_request(good, *LIMITS)
            heads.parse_request(good[:-1], *LIMITS)
            heads.parse_response(b"HTTP/1.1 200 OK\r\nVia: 1.1 x\r\n\r\n", *LIMITS)
            refused(heads, b"\n")

    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 4000  # one object leaked per round would be 6 KB and more
    finally:
        tracemalloc.stop()


def test_block_is_what_headers_take(heads: ModuleType) -> None:
    fields = Headers(request(heads, b"A:1", b"b:  2 ")[7])
    assert list(fields.items()) == [(b"Host", b"a"), (b"A", b"1"), (b"b", b"2")]


def test_head_chooses_the_compiled_one() -> None:
    assert (head.parse_request.__module__ == "noderouter.proxy.http1._head") is head.COMPILED


def test_head_falls_back_to_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noderouter.proxy.http1._head", None)
    spec = importlib.util.spec_from_file_location("head_without_compiler", head.__file__)
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert without.COMPILED is False
    assert without.parse_request is head_pure.parse_request
    assert without.parse_response is head_pure.parse_response
