"""Lines of the access log: exact, and unforgeable."""

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.errors import ClientGone, NoSuchName
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0, Response
from noderouter.core.service import Service
from noderouter.proxy.access_log.filter import MAX_VALUE_BYTES, AccessLog, show_time
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.telemetry.metrics import RequestStats
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

NOON = 1_732_276_800.9  # 22 November 2024, 12:00 UTC


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Sets the time zone; back to the old one at the end."""
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def set_zone(patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setenv("TZ", name)
    time.tzset()


async def answered(exchange: Exchange) -> None:
    exchange.response = Response(200, b"OK", Headers(), 5)
    exchange.reply.begin(exchange.response, b"hello")


def log(exchange: Exchange, service: Service = answered, at: float = NOON) -> bytes:
    lines: list[bytes] = []
    recorded(exchange).comes(exchange.peer_address if exchange.peer_address[0] else ("10.2.0.7", 4711))
    run(AccessLog(service, lines.append, clock=lambda: at).serve(exchange))
    (line,) = lines
    return line


def test_a_line(zone: pytest.MonkeyPatch) -> None:
    set_zone(zone, "UTC")
    block = b"Host: example.com\r\nReferer:  http://a/b \r\nUSER-agent: curl/8 (x; y)\r\nAccept: */*\r\n"
    exchange = make_exchange(b"GET", b"/a?b=c", authority=b"example.com", block=block)
    assert log(exchange) == (
        b'example.com 10.2.0.7 - - [22/11/2024:12:00:00 UTC] "GET /a?b=c HTTP/1.1" 200 5 "http://a/b" "curl/8 (x; y)"\n'
    )


def test_what_is_absent_is_a_dash(zone: pytest.MonkeyPatch) -> None:
    set_zone(zone, "UTC")
    exchange = make_exchange(
        b"POST", b"/", authority=None, version=HTTP_1_0, block=b"user-agent:\r\nx-user-agent: no\r\n"
    )
    assert log(exchange) == b'- 10.2.0.7 - - [22/11/2024:12:00:00 UTC] "POST / HTTP/1.0" 200 5 "-" "-"\n'


def test_the_zone_is_the_local_one(zone: pytest.MonkeyPatch) -> None:
    set_zone(zone, "CET-1CEST,M3.5.0,M10.5.0/3")
    assert show_time(int(NOON)) == b"22/11/2024:13:00:00 CET"
    assert show_time(1_720_000_000) == b"03/07/2024:11:46:40 CEST"


def test_the_time_moves_on_with_the_clock() -> None:
    lines: list[bytes] = []
    now = [100.0]
    access_log = AccessLog(answered, lines.append, clock=lambda: now[0])
    for second in (100.0, 100.9, 101.0):
        now[0] = second
        run(access_log.serve(make_exchange()))
    times = [line.split(b"[")[1].split(b"]")[0] for line in lines]
    assert times == [show_time(100), show_time(100), show_time(101)]


def test_requests_that_cannot_be_routed_are_there() -> None:
    async def unroutable(exchange: Exchange) -> None:
        raise NoSuchName("nobody")

    assert b'" 502 6 "' in log(make_exchange(), ErrorReply(unroutable, RequestStats()).serve)


def test_a_client_that_left_has_no_status() -> None:
    async def left(exchange: Exchange) -> None:
        raise ClientGone("left")

    lines: list[bytes] = []
    with pytest.raises(ClientGone):
        run(AccessLog(left, lines.append).serve(make_exchange()))
    assert b'HTTP/1.1" - - "-" "-"\n' in lines[0]


def test_the_target_is_the_clients_not_what_an_identifier_left_of_it() -> None:
    async def consuming(exchange: Exchange) -> None:
        exchange.target = b"/rest"
        await answered(exchange)

    assert b'"GET /svc/rest HTTP/1.1"' in log(make_exchange(target=b"/svc/rest"), consuming)


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (b'a" 200 5 "-" "b', b"a\\x22 200 5 \\x22-\\x22 \\x22b"),
        (b"back\\slash", b"back\\x5cslash"),
        (b"tab\there", b"tab\\x09here"),
        (b"\xc3\xa9\x9b31m", b"\\xc3\\xa9\\x9b31m"),
    ],
)
def test_hostile_values_are_escaped(agent: bytes, shown: bytes) -> None:
    line = log(make_exchange(block=b"User-Agent: " + agent + b"\r\n"))
    assert line.endswith(b'"-" "' + shown + b'"\n')


@pytest.mark.parametrize("byte", [b"x", b"\xff", b'"'])
def test_long_values_are_cut(byte: bytes) -> None:
    """A head of 60 KB costs what 4 KB of it do, and is no line of 240 KB."""
    long = byte * 15_000
    shown = (byte if byte == b"x" else b"\\x%02x" % byte[0]) * MAX_VALUE_BYTES + b"..."
    exchange = make_exchange(target=long, authority=long, block=b"Referer: %b\r\nUser-Agent: %b\r\n" % (long, long))
    line = log(exchange)
    assert line.startswith(shown + b" 10.2.0.7 ")
    assert b'"GET ' + shown + b' HTTP/1.1" 200 5 "' + shown + b'" "' + shown + b'"\n' in line
    exact = byte * MAX_VALUE_BYTES
    assert b"..." not in log(make_exchange(target=exact, authority=exact, block=b"User-Agent: " + exact + b"\r\n"))


def test_a_space_in_the_host_does_not_shift_the_fields() -> None:
    assert log(make_exchange(authority=b'a b"c')).startswith(b"a\\x20b\\x22c 10.2.0.7 - - [")


VALUES = st.binary(max_size=30).map(lambda value: re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value))
LINE = re.compile(
    rb'[^ "\n]+ 10\.2\.0\.7 - - \[[^\]\n]+\] "GET [^"\n]* HTTP/1\.1" 200 5 "[^"\n]*" "[^"\n]*"\n', re.ASCII
)


@given(VALUES, VALUES, VALUES)
def test_whatever_a_client_sends_a_line_has_its_shape(host: bytes, agent: bytes, referer: bytes) -> None:
    block = b"referer: %b\r\nuser-agent: %b\r\n" % (referer, agent)
    exchange = make_exchange(target=b"/" + agent, authority=host, block=block)
    line = log(exchange)
    assert LINE.fullmatch(line), line
    assert line.isascii()


@given(st.binary(max_size=30))
def test_a_target_that_the_parser_should_not_have_let_through(target: bytes) -> None:
    line = log(make_exchange(target=b"\r\n" + target))
    assert line.count(b"\n") == 1
    assert b"\r" not in line
