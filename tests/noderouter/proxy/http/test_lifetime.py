"""An exchange that its endpoint does not end."""

from types import SimpleNamespace

import pytest

from noderouter.core.errors import ClientGone, DeadlineExceeded, EndpointTimeout
from noderouter.core.exchange import Awaited, Exchange
from noderouter.proxy.http import lifetime
from noderouter.proxy.http.lifetime import UPLOAD_SECONDS, WAITING_SECONDS, abandoned, client_finished, end_overdue
from tests.testing.reply import make_exchange

NOW = 1000.0


class OnItsWay:
    """Stands in for the connection to an endpoint."""

    def __init__(self, awaited: Awaited, progress: float = NOW) -> None:
        self.awaited = awaited
        self.progress = progress
        self.head_seconds = 60.0
        self.finished = False

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def exchange() -> Exchange:
    return make_exchange()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "monotonic", lambda: NOW)


class Overdue:
    """What `end_overdue` does to the task of an exchange."""

    def __init__(self, exchange: Exchange, since: float = NOW) -> None:
        self.since = since
        self.error: Exception | None = None
        self.serving = True
        end_overdue(exchange, self, NOW, lambda each: each is exchange and self.serving)  # type: ignore[arg-type]

    def interrupt(self, error, meant) -> None:
        self.error, self.meant = error, meant


def test_a_client_that_has_finished_is_passed_on_to_who_carries_it(exchange):
    client_finished(exchange)  # nobody yet: the attempt that comes looks
    assert exchange.half_closed
    exchange.upstream = upstream = OnItsWay(Awaited.RESPONSE)
    client_finished(exchange)
    assert upstream.finished


@pytest.mark.parametrize(
    ("awaited", "seconds", "left"),
    [
        (Awaited.CLIENT, UPLOAD_SECONDS + 1, True),
        (Awaited.CLIENT, UPLOAD_SECONDS, False),
        (Awaited.READING, 1e6, False),
        (Awaited.RESPONSE, 1e6, False),
    ],
)
def test_an_upload_is_abandoned_where_its_client_stands_still(exchange, awaited, seconds, left):
    assert not abandoned(exchange)
    exchange.upstream = OnItsWay(awaited, NOW - seconds)
    assert abandoned(exchange) is left
    exchange.reply.started = True
    assert not abandoned(exchange)


def test_an_exchange_without_an_endpoint_does_not_wait_for_ever(exchange):
    assert Overdue(exchange, NOW - WAITING_SECONDS).error is None
    late = Overdue(exchange, NOW - WAITING_SECONDS - 1)
    assert isinstance(late.error, DeadlineExceeded)
    assert late.meant()
    exchange.upstream = OnItsWay(Awaited.RESPONSE)
    assert not late.meant()


def test_a_task_that_has_not_begun_waits_for_nobody(exchange):
    assert Overdue(exchange, 0.0).error is None


def test_an_endpoint_that_does_not_answer_is_given_its_time(exchange):
    exchange.upstream = OnItsWay(Awaited.RESPONSE, NOW - 60.0)
    assert Overdue(exchange).error is None
    exchange.upstream.progress -= 1
    slow = Overdue(exchange)
    assert isinstance(slow.error, EndpointTimeout)
    assert slow.meant()
    exchange.upstream.progress = NOW  # bytes came in this very step
    assert not slow.meant()


@pytest.mark.parametrize("awaited", [Awaited.CLIENT, Awaited.READING])
def test_a_request_that_is_not_through_is_timed_where_it_is_awaited(exchange, awaited):
    exchange.upstream = OnItsWay(awaited, NOW - 1e6)
    assert Overdue(exchange).error is None


def test_what_has_a_limit_of_its_own_or_a_response_is_left_alone(exchange):
    exchange.upstream = OnItsWay(Awaited.RESPONSE, NOW - 1e6)
    exchange.limited = True
    assert Overdue(exchange).error is None
    exchange.limited = False
    late = Overdue(exchange)
    exchange.reply.started = True
    assert not late.meant()
    assert Overdue(exchange).error is None


def test_the_next_exchange_of_a_task_does_not_pay_for_the_last(exchange):
    exchange.upstream = OnItsWay(Awaited.RESPONSE, NOW - 1e6)
    late = Overdue(exchange)
    late.serving = False
    assert not late.meant()


def test_a_reset_cancels_what_waits():
    told: list[BaseException | str] = []
    lifetime.client_reset(SimpleNamespace(cancel=told.append))  # type: ignore[arg-type]
    assert isinstance(told[0], ClientGone)
