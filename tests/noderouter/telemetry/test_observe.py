"""Which requests observers see, and that they see how those end."""

from typing import Any

import pytest

from noderouter.core.context import Context, Trace
from noderouter.core.errors import ConnectError
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, parse_trace, sample_limit
from noderouter.proxy.filter.propagate import Propagate
from noderouter.telemetry.observe import Observe, decided
from tests.testing.reply import make_exchange
from tests.testing.step import run


class Seeing:
    """Remembers what it was shown."""

    def __init__(self, rate: float, heeds: bool = False) -> None:
        self.limit = sample_limit(rate)
        self.heeds = heeds
        self.seen: list[tuple[Exchange, str, Trace, BaseException | None]] = []

    def ended(self, *what: Any) -> None:
        self.seen.append(what)


async def served(exchange: Exchange) -> None:
    """Answers nothing."""


def send(*observers: Seeing, context: Context | None = None, before: bytes = b"", **keys: Any) -> Exchange:
    exchange = make_exchange(**keys)
    exchange.context = context
    exchange.request_fields = before
    run(Propagate(Observe(served, observers, "out").serve).serve(exchange))
    return exchange


def test_the_trace_is_the_one_that_is_told_the_next_hop() -> None:
    everything = Seeing(1.0)
    hostile = b"forwarded: host=l5d-reqid: 00\r\nx: l5d-ctx-trace: AAAA\r\n"
    exchange = send(everything, before=hostile, reserved=((b"l5d-name", b"l5d-reqid: ffffffffffffffff"),))
    ((shown, router, trace, error),) = everything.seen
    assert (shown, router, error) == (exchange, "out", None)
    assert trace == parse_trace(dict(Headers(exchange.request_fields).items())[b"l5d-ctx-trace"])
    send(everything, context=Context(trace=Trace(7, 1, 2)))
    assert everything.seen[1][2].trace_id == 7
    assert everything.seen[1][2].parent_id == 1


def test_a_share_is_seen_and_it_is_that_of_the_trace_ids() -> None:
    half, all_, none = Seeing(0.5), Seeing(1.0), Seeing(0.0)
    for number in range(64):
        send(half, all_, none, context=Context(trace=Trace(number << 58, 1, 2)))
    assert [trace.trace_id >> 58 for _, _, trace, _ in half.seen] == list(range(32))
    assert len(all_.seen) == 64
    assert none.seen == []


def test_what_nobody_wants_to_see_goes_straight_on() -> None:
    inner = served(make_exchange())
    exchange = make_exchange()
    exchange.request_fields = b"l5d-ctx-trace: AAAA\r\nl5d-reqid: ffffffffffffffff\r\n"
    assert Observe(lambda _exchange: inner, [Seeing(0.5), Seeing(0.1, heeds=True)], "out").serve(exchange) is inner
    inner.close()


@pytest.mark.parametrize(
    ("context", "decision"),
    [
        (Context(), None),
        (Context(trace=Trace(1, 2, 3)), None),
        (Context(trace=Trace(1, 2, 3, SAMPLING_KNOWN)), False),
        (Context(trace=Trace(1, 2, 3, SAMPLING_KNOWN | SAMPLED)), True),
        (Context(trace=Trace(1, 2, 3, DEBUG)), True),
        (Context(trace=Trace(1, 2, 3), sample=1.0), True),
        (Context(trace=Trace(1, 2, 3), sample=0.0), False),
        (Context(trace=Trace(1 << 63, 2, 3, SAMPLING_KNOWN | SAMPLED), sample=0.25), False),
    ],
)
def test_a_decision_that_came_with_the_request_counts_for_who_heeds_it(context: Context, decision: bool | None) -> None:
    assert decided(context) is decision
    heeding, never, always = Seeing(0.0, heeds=True), Seeing(0.0), Seeing(1.0)
    send(heeding, never, always, context=context)
    assert len(heeding.seen) == (decision is True)
    assert never.seen == []
    assert len(always.seen) == 1


def test_an_error_is_shown_and_goes_on() -> None:
    async def failing(_exchange: Exchange) -> None:
        raise ConnectError("no")

    everything = Seeing(1.0)
    with pytest.raises(ConnectError):
        run(Propagate(Observe(failing, [everything], "out").serve).serve(make_exchange()))
    assert isinstance(everything.seen[0][3], ConnectError)
