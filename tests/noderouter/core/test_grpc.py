"""Statuses, messages and time limits of gRPC, both ways."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.core.errors import (
    ClientGone,
    ConnectError,
    CutShort,
    DeadlineExceeded,
    LimitReached,
    OverloadError,
    RateLimited,
)
from noderouter.core.grpc import (
    Status,
    call_status,
    called,
    decode_message,
    encode_message,
    from_http,
    from_reset,
    is_grpc,
    parse_status,
    parse_timeout,
    show_timeout,
    status_fields,
    status_of,
    trailers_for,
)
from noderouter.core.headers import FIELD_VALUE, Headers
from noderouter.core.message import Response
from noderouter.reactor.errors import Cancelled, Expired
from noderouter.reactor.task import Timeout
from tests.testing.reply import make_exchange

DAY = 24 * 3600 * 10**9


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"content-type: application/grpc\r\n", True),
        (b"host: x\r\nContent-Type:application/grpc+proto\r\nte: trailers\r\n", True),
        (b"content-type: \t application/grpc;charset=x\r\n", True),
        (b"content-type: application/grpc \r\n", True),
        (b"content-type: application/grpc-web\r\n", False),
        (b"content-type: application/grpc-web+proto\r\n", False),
        (b"content-type: application/grpcx\r\n", False),
        (b"x-content-type: application/grpc\r\n", False),
        (b"x: content-type: application/grpc\r\n", False),
        (b"content-type: text/plain\r\naccept: application/grpc\r\n", False),
        (b"", False),
    ],
)
def test_what_is_grpc(block: bytes, expected: bool) -> None:
    assert is_grpc(Response(200, b"", block, 0)) is expected
    assert is_grpc(Response(200, b"", Headers(block), 0)) is expected


def test_statuses_have_the_numbers_of_grpc() -> None:
    assert [each.value for each in Status] == list(range(17))
    assert (Status["UNAVAILABLE"], Status(8).name) == (14, "RESOURCE_EXHAUSTED")
    assert [parse_status(b"%d" % each) for each in range(17)] == list(Status)


@pytest.mark.parametrize("value", [b"17", b"-1", b"", b"0 ", b"00", b"OK", b"1" * 5000])
def test_a_status_that_is_none_is_unknown(value: bytes) -> None:
    assert parse_status(value) is Status.UNKNOWN
    assert parse_status(None) is None


def test_the_mappings() -> None:
    mapped = {status: from_http(status) for status in range(100, 600)}
    assert {status for status in mapped if mapped[status] is Status.UNAVAILABLE} == {429, 502, 503, 504}
    assert [mapped[status] for status in (400, 401, 403, 404)] == [13, 16, 7, 12]
    assert {mapped[status] for status in mapped if status not in {400, 401, 403, 404, 429, 502, 503, 504}} == {2}
    assert [from_reset(code) for code in range(14)] == [13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13]
    assert from_reset(1 << 31) == 13


@given(st.text())
@example("100% \u20ac\r\nx: y")
@example("%41")
@example("a~b\x7f")
def test_a_message_comes_back(message: str) -> None:
    shown = encode_message(message, 100_000)
    assert FIELD_VALUE.fullmatch(shown)
    assert decode_message(shown) == message.strip(" ").encode("utf-8", "backslashreplace").decode()


@given(st.text(), st.integers(0, 40))
def test_a_message_is_cut_between_characters(message: str, limit: int) -> None:
    shown = encode_message(message, limit)
    assert len(shown) <= limit
    assert FIELD_VALUE.fullmatch(shown)
    assert message.strip(" ").encode("utf-8", "backslashreplace").decode().startswith(decode_message(shown))


@pytest.mark.parametrize(
    ("value", "message"),
    [(b"a%2", "a%2"), (b"%zz%41", "%zzA"), (b"%FF", "\ufffd"), (b"%e2%82%ac", "\u20ac"), (b"", "")],
)
def test_a_message_that_is_not_encoded_well_is_read_all_the_same(value: bytes, message: str) -> None:
    assert decode_message(value) == message


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (b"1n", 1),
        (b"5u", 5000),
        (b"100m", 10**8),
        (b"1S", 10**9),
        (b"2M", 120 * 10**9),
        (b"1H", 3600 * 10**9),
        (b"99999999H", 99999999 * 3600 * 10**9),
        (b"0S", 0),
        (b"00000001S", 10**9),
    ],
)
def test_a_time_limit_is_read(value: bytes, nanoseconds: int) -> None:
    assert parse_timeout(value) == nanoseconds


@pytest.mark.parametrize(
    "value", [b"", b"1", b"S", b"1s", b"1 S", b"-1S", b"+1S", b"1.5S", b"123456789S", b"1SS", b"1S ", b"\xb2S"]
)
def test_a_time_limit_that_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="digits"):
        parse_timeout(value)


@given(st.integers(1, 300_000 * DAY))
@example(99_999_999)
@example(100_000_000)
def test_a_time_limit_never_grows_and_hardly_shrinks(nanoseconds: int) -> None:
    read = parse_timeout(show_timeout(nanoseconds))
    assert nanoseconds * 0.99998 <= read <= nanoseconds


def test_the_shortest_and_the_longest_time_limit() -> None:
    assert [show_timeout(each) for each in (-5, 0, 1)] == [b"1n"] * 3
    assert show_timeout(1 << 100) == b"99999999H"


def test_trailers_of_what_failed_behind_its_head() -> None:
    assert trailers_for(CutShort("cut")) == Headers(b"grpc-status: 14\r\ngrpc-message: cut\r\n")
    assert trailers_for(CutShort("cut"), silent=True) == Headers(b"grpc-status: 14\r\n")
    assert trailers_for(DeadlineExceeded("late")).get(b"grpc-status") == b"4"
    assert trailers_for(KeyError()).block == b"grpc-status: 13\r\ngrpc-message: KeyError\r\n"
    assert status_fields(Status.OK, "") == b"grpc-status: 0\r\n"


@pytest.mark.parametrize(
    ("head", "trailers", "error", "expected"),
    [
        (b"grpc-status: 5\r\n", None, None, 5),
        (b"", b"grpc-status: 14\r\n", None, 14),
        (b"", b"grpc-status: nonsense\r\n", None, 2),
        (b"", b"x: y\r\n", None, None),
        (b"", None, None, None),
        (b"", None, ConnectError("no"), 14),
        (b"grpc-status: 8\r\n", None, ConnectError("no"), 8),
        (None, None, ClientGone("left"), 1),
        (None, None, Cancelled(ClientGone("client reset the stream")), 1),
        (None, None, Cancelled("drained"), 13),
        (None, None, Expired(Timeout(1.0)), 4),
        (None, None, None, None),
    ],
)
def test_the_status_of_a_call_is_what_was_told_of_it(
    head: bytes | None, trailers: bytes | None, error: BaseException | None, expected: int | None
) -> None:
    exchange = make_exchange(block=b"content-type: application/grpc+proto\r\n")
    if head is not None:
        exchange.response = Response(200, b"", head, 0)
        exchange.response.trailers = None if trailers is None else Headers(trailers)
    assert call_status(exchange, error) == expected


def test_what_is_no_call_has_no_status() -> None:
    exchange = make_exchange(block=b"content-type: application/grpc-web\r\n")
    exchange.response = Response(200, b"", b"grpc-status: 5\r\n", 0)
    assert call_status(exchange, ConnectError("no")) is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/books.Library/Find", ("books.Library", "Find")),
        (b"/a/b.C/D?x=/y", ("a/b.C", "D")),
        (b"/D", ("", "D")),
        (b"*", ("", "*")),
    ],
)
def test_what_a_target_calls(target: bytes, expected: tuple[str, str]) -> None:
    assert called(target) == expected


def test_what_a_limit_refuses() -> None:
    """Another instance, or router, may have room; nobody else should be asked by who asks too often."""
    assert status_of(LimitReached("full")) is Status.UNAVAILABLE
    assert status_of(OverloadError("full")) is Status.RESOURCE_EXHAUSTED
    assert status_of(RateLimited("too often", 1.5)) is Status.RESOURCE_EXHAUSTED
    assert RateLimited("too often", 1.5).grpc_fields == b"grpc-retry-pushback-ms: 1500\r\n"
    assert RateLimited("too often", 0.0001).fields == b"retry-after: 1\r\n"
