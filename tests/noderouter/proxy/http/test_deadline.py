"""Deadlines on the wire, combined, and enforced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Context, Deadline
from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Exchange
from noderouter.proxy.http.deadline import (
    combine,
    enforce,
    limit_deadline,
    parse_deadline,
    show_deadline,
    take_grpc_timeout,
    timeout_line,
)
from tests.testing.reply import make_exchange

NANOS = st.integers(0, 2**63 - 1)
DEADLINES = st.builds(Deadline, NANOS, NANOS)


@given(DEADLINES)
def test_parse_reads_what_show_writes(deadline: Deadline) -> None:
    assert parse_deadline(show_deadline(deadline)) == deadline


@pytest.mark.parametrize(
    "value",
    [b"", b"1", b"1 2 3", b"-1 2", b"1 x", b"1_0 2", b"1\t2", b" 1 2", b"9223372036854775808 1", b"1 " + b"9" * 30],
)
def test_what_is_no_deadline(value: bytes) -> None:
    assert parse_deadline(value) is None


@given(DEADLINES, DEADLINES)
def test_combined_is_the_latest_timestamp_and_the_earliest_deadline(one: Deadline, other: Deadline) -> None:
    both = combine(one, other)
    assert both is not None
    assert both.timestamp_ns == max(one.timestamp_ns, other.timestamp_ns)
    assert both.deadline_ns == min(one.deadline_ns, other.deadline_ns)


def test_nothing_combines_to_the_other() -> None:
    one = Deadline(1, 2)
    assert combine(None, one) is one
    assert combine(one, None) is one
    assert combine(None, None) is None


def test_a_timeout_of_ours_tightens_what_is_propagated() -> None:
    exchange = make_exchange()
    limit_deadline(exchange, 0.5, now_ns=1_000_000_000)
    assert exchange.context == Context(deadline=Deadline(1_000_000_000, 1_500_000_000))
    limit_deadline(exchange, 10.0, now_ns=1_100_000_000)
    assert exchange.context == Context(deadline=Deadline(1_100_000_000, 1_500_000_000))
    limit_deadline(exchange, 1e300, now_ns=1_100_000_000)
    assert exchange.context == Context(deadline=Deadline(1_100_000_000, 1_500_000_000))


def test_the_clock_is_the_time_of_day() -> None:
    exchange = make_exchange()
    limit_deadline(exchange, 3600)
    assert exchange.context is not None
    assert exchange.context.deadline is not None
    enforce(exchange.context.deadline, exchange.context.deadline.timestamp_ns)


def test_a_deadline_that_has_passed_is_an_error_that_says_by_how_much() -> None:
    enforce(Deadline(0, 1000), 999)
    with pytest.raises(DeadlineExceeded):
        enforce(Deadline(0, 1000), 1000)
    with pytest.raises(DeadlineExceeded, match="passed 25 ms before") as caught:
        enforce(Deadline(0, 1_000_000), 26_000_000)
    assert caught.value.status == 503
    assert not caught.value.retryable


# The time limits of gRPC

CALL = b"x: y\r\ncontent-type: application/grpc\r\n"


def call(*values: bytes) -> Exchange:
    return make_exchange(b"POST", block=CALL + b"".join([b"grpc-timeout: %b\r\n" % value for value in values]))


def test_a_time_limit_becomes_a_deadline_and_leaves_the_request() -> None:
    exchange = call(b"1500m")
    take_grpc_timeout(exchange, 1_000_000_000)
    assert exchange.context == Context(deadline=Deadline(1_000_000_000, 2_500_000_000), timed=True)
    assert exchange.block == CALL


def test_the_stricter_one_holds() -> None:
    exchange = call(b"5S", b"1S")
    exchange.context = Context(deadline=Deadline(1, 1_200_000_000))
    take_grpc_timeout(exchange, 1_000_000_000)
    assert exchange.context == Context(deadline=Deadline(1_000_000_000, 1_200_000_000), timed=True)
    exchange = call(b"5S", b"1S")
    take_grpc_timeout(exchange, 0)
    assert exchange.context == Context(deadline=Deadline(0, 1_000_000_000), timed=True)


def test_a_time_limit_of_ten_thousand_years_is_one() -> None:
    exchange = call(b"99999999H")
    take_grpc_timeout(exchange)
    assert exchange.context is not None
    assert exchange.context.deadline is not None
    enforce(exchange.context.deadline, exchange.context.deadline.timestamp_ns)


def test_what_is_no_call_keeps_its_fields() -> None:
    for block in (b"grpc-timeout: 1S\r\n", b"content-type: application/grpc-web\r\ngrpc-timeout: x\r\n"):
        exchange = make_exchange(b"POST", block=block)
        take_grpc_timeout(exchange, 0)
        assert (exchange.block, exchange.context) == (block, None)


def test_a_time_limit_of_nothing_has_passed() -> None:
    with pytest.raises(DeadlineExceeded) as raised:
        take_grpc_timeout(call(b"0S"), 0)
    assert not raised.value.attempt


def test_what_is_no_time_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="digits"):
        take_grpc_timeout(call(b"1S", b"soon"), 0)


def test_each_attempt_is_told_what_is_left() -> None:
    context = Context(deadline=Deadline(0, 2_000_000_000))
    assert timeout_line(context, 500_000_000) == b"grpc-timeout: 1500000u\r\n"
    assert timeout_line(context, 1_999_999_000) == b"grpc-timeout: 1000n\r\n"
    assert timeout_line(context, 3_000_000_000) == b"grpc-timeout: 1n\r\n"
    assert timeout_line(Context()) == b""


def test_the_callers_deadline_is_the_callers() -> None:
    with pytest.raises(DeadlineExceeded) as raised:
        enforce(Deadline(0, 1), 2)
    assert not raised.value.attempt
