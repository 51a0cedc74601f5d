"""Which requests observers see, that they see how those end, and that they come and go."""

from typing import Any

import pytest

from noderouter.core.context import Context, Trace
from noderouter.core.errors import ConnectError, IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, parse_trace, sample_limit
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.proxy.filter.propagate import Propagate
from noderouter.reactor.errors import Unwind
from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.observe import EVERYTHING, Observe, Observer, Observers, decided
from tests.testing.reply import make_exchange
from tests.testing.step import Pause, run, start


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


async def watching(seam: Observe, exchange: Exchange, service: Any) -> None:
    """As `ErrorReply` and `FlowStats` do it."""
    watch = seam.watch(exchange)
    try:
        await service(exchange)
    except (Exception, Unwind) as error:
        watch.over(exchange, error)
        raise
    watch.over(exchange, None)


def send(*observers: Seeing, context: Context | None = None, before: bytes = b"", **keys: Any) -> Exchange:
    exchange = make_exchange(**keys)
    exchange.context = context
    exchange.request_fields = before
    run(watching(Observers(observers).of("out"), exchange, Propagate(served).serve))
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
        send(half, all_, none, context=Context(trace=Trace(number << 58 | 1, 1, 2)))
    assert [trace.trace_id >> 58 for _, _, trace, _ in half.seen] == list(range(32))
    assert len(all_.seen) == 64
    assert none.seen == []


def server(seam: Observe, service: Any = served) -> ErrorReply:
    return ErrorReply(service, RequestStats(), observe=seam)


def test_without_observers_nothing_is_watched_and_nothing_kept() -> None:
    seam = Observers().of("out")
    exchange = make_exchange()
    run(server(seam).serve(exchange))
    assert exchange.journey is None
    assert seam.observers == ()


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


async def failing(_exchange: Exchange) -> None:
    raise ConnectError("no")


def test_an_error_is_shown_and_goes_on() -> None:
    everything = Seeing(1.0)
    with pytest.raises(ConnectError):
        run(watching(Observers([everything]).of("out"), make_exchange(), Propagate(failing).serve))
    assert isinstance(everything.seen[0][3], ConnectError)


def test_an_error_that_was_answered_is_shown_as_what_it_was() -> None:
    everything = Seeing(1.0)
    exchange = make_exchange()
    run(server(Observers([everything]).of("out"), failing).serve(exchange))
    ((shown, _, _, error),) = everything.seen
    assert shown.response is not None
    assert shown.response.status == 502
    assert isinstance(error, ConnectError)


@pytest.mark.parametrize("context", [None, Context(), Context(trace=Trace(7, 1, 2, SAMPLED, 9))])
def test_what_has_no_ids_yet_gets_those_that_it_would_have_had(context: Context | None) -> None:
    async def unidentified(_exchange: Exchange) -> None:
        raise IdentificationError("which")

    everything = Seeing(1.0)
    exchange = make_exchange()
    exchange.context = context
    run(server(Observers([everything]).of("out"), unidentified).serve(exchange))
    trace = everything.seen[0][2]
    if context is not None and context.trace is not None:
        assert (trace.trace_id, trace.parent_id, trace.flags, trace.trace_id_high) == (7, 1, SAMPLED, 9)
    else:
        assert (trace.parent_id, trace.span_id, trace.flags) == (trace.trace_id, trace.trace_id, 0)


def test_the_target_is_shown_as_it_came() -> None:
    async def consuming(exchange: Exchange) -> None:
        exchange.target = b"/rest"

    async def consuming_and_failing(exchange: Exchange) -> None:
        exchange.target = b"/rest"
        raise Unwind

    everything = Seeing(1.0)
    seam = Observers([everything]).of("out")
    run(watching(seam, make_exchange(target=b"/svc/rest"), consuming))
    with pytest.raises(Unwind):
        run(watching(seam, make_exchange(target=b"/svc/rest"), consuming_and_failing))
    assert [exchange.target for exchange, *_ in everything.seen] == [b"/svc/rest"] * 2


def test_observers_come_and_go_and_see_what_began_meanwhile() -> None:
    async def waiting(_exchange: Exchange) -> None:
        await Pause()

    observers = Observers()
    seam, other = observers.of("out"), observers.of("in")
    assert observers.of("out") is seam
    before = start(server(seam, waiting).serve(make_exchange()))
    all_, ours = Seeing(1.0), Seeing(1.0)
    observers.add(all_)
    observers.add(ours, "in")
    assert (seam.observers, other.observers) == ((all_,), (all_, ours))
    assert observers.of("new").observers == (all_,)
    during = start(server(seam, waiting).serve(make_exchange()))
    observers.remove(all_)
    after = start(server(seam, waiting).serve(make_exchange()))
    for each in (before, during, after):
        each.resume()
    assert len(all_.seen) == 1
    run(server(other).serve(make_exchange()))
    assert (len(all_.seen), [router for _, router, _, _ in ours.seen]) == (1, ["in"])
    assert observers.names() == ["Seeing"]


class Wanting(Seeing):
    """Wants the journey, and to be told early."""

    journeys = True

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self.begun: list[tuple[Exchange, str]] = []

    def begins(self, *what: Any) -> None:
        self.begun.append(what)


def test_the_journey_is_kept_for_who_asks() -> None:
    assert send(Seeing(1.0)).journey is None
    wanting = Wanting(0.0)
    exchange = send(Seeing(1.0), wanting)
    assert exchange.journey == []
    assert (wanting.begun, wanting.seen) == ([(exchange, "out")], [])


def test_an_observer_that_fails_harms_no_request_and_no_other_observer() -> None:
    class Failing(Wanting):
        def begins(self, *what: Any) -> None:
            raise KeyError(what)

        def ended(self, *what: Any) -> None:
            raise ValueError(what)

    told: list[BaseException] = []
    everything = Seeing(1.0)
    bad: Observer = Failing(1.0)
    observers = Observers([bad, everything], told.append)
    for _ in range(2):
        run(server(observers.of("out")).serve(make_exchange()))
    assert len(everything.seen) == 2
    assert observers.faults == 4
    assert [type(fault) for fault in told] == [KeyError, ValueError]


def test_everything_is_above_every_id() -> None:
    assert EVERYTHING == 1 << 64
