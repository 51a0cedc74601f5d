"""Deadlines on the wire, combined, and enforced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Context, Deadline
from noderouter.core.errors import DeadlineExceeded
from noderouter.proxy.http.deadline import combine, enforce, limit_deadline, parse_deadline, show_deadline
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
