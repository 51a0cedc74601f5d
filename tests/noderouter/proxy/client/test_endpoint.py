"""How an endpoint has done, in a minute that ends now."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL
from noderouter.proxy.client.endpoint import KEPT, MARK_SECONDS, MARKS, SHOWN, Endpoint
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.http1.upstream import connect_http1
from noderouter.reactor.loop import Reactor

MakeEndpoint = Callable[[], Endpoint]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[MakeEndpoint]:
    """What makes endpoints that nobody has a connection to."""
    reactor = Reactor(lambda task, _error: pytest.fail(f"{task} crashed"))
    address = Address("10.0.0.7", 80)
    yield lambda: Endpoint(
        address, NO_ACCRUAL, Pool(reactor, address.ip, address.port, PoolSettings(), PoolStats(), connect_http1)
    )
    reactor.close()


def exchange(target: bytes = b"/v1/cart?token=secret", status: int | None = 503, name: str = "/svc/hello") -> Exchange:
    made = Exchange(b"POST", target, b"hello", Headers(), cast(Any, None), cast(Any, None))
    made.name = Path.parse(name)
    made.response = None if status is None else Response(status, b"", Headers(), 0)
    return made


def counted(one: Endpoint, successes: int, failures: int = 0) -> None:
    one.successes += successes
    one.seconds += 0.01 * (successes + failures)
    for _ in range(failures):
        one.failed("", exchange(), 0.0, 0.01)


def test_before_the_first_mark_everything_is_of_the_last_ten_seconds(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    assert one.last_minute(100.0)[:2] == (0, 0)
    counted(one, 3, 1)
    assert one.last_minute(100.0) == (4, 1, pytest.approx(0.04), MARK_SECONDS)


def test_what_is_older_than_a_minute_is_gone(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    counted(one, 1000, 10)
    now = 0.0
    for _ in range(MARKS + 3):
        one.mark(now)
        counted(one, 5)
        now += MARK_SECONDS
    requests, failures, seconds, covered = one.last_minute(now)
    assert (requests, failures, covered) == (5 * MARKS, 0, MARKS * MARK_SECONDS)
    assert seconds == pytest.approx(0.01 * 5 * MARKS)


def test_an_idle_endpoint_marks_nothing(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    for now in range(20):
        one.mark(10.0 * now)
    assert one._marks is None
    counted(one, 2)
    assert one.last_minute(200.0)[0] == 2


def test_marks_that_stopped_tell_nothing(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    counted(one, 2)
    one.mark(0.0)
    assert one.last_minute(1000.0) == (0, 0, 0.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30))
def test_the_last_minute_is_the_sum_of_its_slots(endpoint: MakeEndpoint, slots: list[tuple[int, int]]) -> None:
    one = endpoint()
    now = 0.0
    for successes, failures in slots:
        counted(one, successes, failures)
        now += MARK_SECONDS
        one.mark(now)
    requests, failures, _, _ = one.last_minute(now)
    # The oldest mark that is kept stands at the end of its slot; before the first one all is counted.
    recent = slots if len(slots) <= MARKS else slots[-(MARKS - 1) :]
    assert requests == sum(good + bad for good, bad in recent)
    assert failures == sum(bad for _, bad in recent)


def test_failures_are_kept_as_they_were_without_the_query(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    assert one.failed("", exchange(), 4.75, 5.0) == 0.25
    one.failed("ConnectError", exchange(b"/" + b"x" * 500, None), 6.0, 6.0)
    one.failed("", exchange(status=None), 7.0, 7.0)
    assert one.errors is not None
    first, second, third = one.errors
    assert (first.what, first.request, first.service, first.ms) == ("503", "POST /v1/cart", "/svc/hello", 250.0)
    assert (second.what, len(second.request)) == ("ConnectError", len("POST ") + SHOWN)
    assert third.what == "no response"
    for _ in range(100):
        one.failed("", exchange(), 8.0, 8.0)
    assert len(one.errors) == KEPT
    assert one.failures == 103


def test_retired(endpoint: MakeEndpoint) -> None:
    one = endpoint()
    one.retire()
    assert one.closed
