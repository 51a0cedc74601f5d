"""What the next hop is told where the router takes part in traces."""

from dataclasses import replace

from dtab import Dtab
from noderouter.core.addr import Address
from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.journey import begin_attempt
from noderouter.core.propagation.formats import Propagation
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, parse_trace
from noderouter.proxy.filter.propagate_trace import PropagateTrace
from tests.testing.reply import make_exchange
from tests.testing.step import run

ALL = 1 << 64
CALLER = Trace(7, 8, 0, SAMPLING_KNOWN)


async def served(_exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def sent(context: Context | None, limit: int | None = ALL, *names: str) -> tuple[dict[bytes, bytes], Trace]:
    """The fields that the first attempt sends on, and the span of the router."""
    exchange = asked(context, limit, *names)
    return fields_of(exchange), span_of(exchange)


def asked(context: Context | None, limit: int | None = ALL, *names: str, failures: bool = False) -> Exchange:
    exchange = make_exchange(reserved=((b"l5d-x", b"1"), (b"via", b"1.1 x")))
    exchange.context = context
    run(PropagateTrace(served, Propagation(names or None), limit, failures=failures).serve(exchange))
    return exchange


def span_of(exchange: Exchange) -> Trace:
    assert exchange.context is not None
    assert exchange.context.span is not None
    return exchange.context.span


def fields_of(exchange: Exchange) -> dict[bytes, bytes]:
    """The fields of one more attempt."""
    lines = exchange.request_fields
    if exchange.journey is not None:  # as `Client.send` asks
        lines += begin_attempt(exchange, Address("127.0.0.1", 80), 1.0)
    pairs = list(Headers(lines).items())
    assert len(dict(pairs)) == len(pairs), "a field is there twice"
    return dict(pairs)


def test_a_request_without_trace_begins_one_in_the_usual_formats() -> None:
    fields, span = sent(None, 0)
    assert fields.keys() == {b"traceparent", b"l5d-ctx-trace", b"l5d-reqid", b"l5d-x"}
    assert fields[b"traceparent"] == b"00-%016x%016x-%016x-02" % (span.trace_id_high or 0, span.trace_id, span.span_id)
    told = parse_trace(fields[b"l5d-ctx-trace"])
    assert told == Trace(span.trace_id, span.span_id, 0, span.flags, span.trace_id_high)
    assert fields[b"l5d-reqid"] == b"%016x" % span.trace_id
    assert span.parent_id == 0
    assert sent(None)[1].trace_id != span.trace_id


def test_each_attempt_of_a_request_that_is_recorded_is_a_span_of_its_own() -> None:
    for failures, limit, sampled in ((False, ALL, 1), (True, 0, 0)):
        exchange = asked(Context(trace=Trace(7, 8, 0)), limit, failures=failures)
        told = [fields_of(exchange)[b"traceparent"] for _ in range(2)]
        span, journey = span_of(exchange), exchange.journey
        assert journey is not None
        assert told == [b"00-%032x-%016x-0%d" % (7, attempt.span_id, sampled) for attempt in journey]
        assert len({8, span.span_id, *(attempt.span_id for attempt in journey)}) == 4


def test_the_attempts_of_what_is_not_recorded_are_told_of_the_routers_span_and_nothing_is_kept() -> None:
    exchange = asked(None, 0)
    assert fields_of(exchange) == fields_of(exchange)
    assert exchange.journey is None


def test_a_flow_is_one_span_whatever_is_tried() -> None:
    exchange = make_exchange(b"CONNECT", b"10.0.0.1:5432")
    exchange.scheme = b"tcp"
    run(PropagateTrace(served, Propagation(), ALL).serve(exchange))
    assert b"-%016x-03" % span_of(exchange).span_id in fields_of(exchange)[b"traceparent"]


def test_a_trace_goes_on_below_the_routers_own_span() -> None:
    fields, span = sent(Context(trace=replace(CALLER), formats=frozenset(("w3c",))))
    assert (span.trace_id, span.parent_id) == (7, 8)
    assert span.span_id not in (0, 8)
    assert fields[b"traceparent"] == b"00-%032x-%016x-00" % (7, span.span_id)


def test_the_decision_is_the_callers_then_that_of_the_rate_and_l5d_sample_before_both() -> None:
    yes, no = SAMPLING_KNOWN | SAMPLED, SAMPLING_KNOWN
    for context, limit, flags in (
        (Context(trace=Trace(7, 8, 0, no)), ALL, no),
        (Context(trace=Trace(7, 8, 0, yes)), 0, yes),
        (Context(trace=Trace(7, 8, 0, DEBUG)), 0, DEBUG),
        (Context(trace=Trace(7, 8, 0)), 7, no),
        (Context(trace=Trace(7, 8, 0)), 8, yes),
        (Context(trace=Trace(7, 8, 0, no), sample=1.0), 0, yes),
        (Context(sample=0.0), ALL, no),
        (None, ALL, yes),
        (None, 0, no),
    ):
        assert sent(context, limit)[1].flags == flags


def test_a_router_that_records_no_spans_puts_none_between_others() -> None:
    fields, span = sent(Context(trace=CALLER, formats=frozenset(("w3c",))), None)
    assert fields[b"traceparent"] == b"00-%032x-%016x-00" % (7, 8)
    trace = parse_trace(fields[b"l5d-ctx-trace"])
    assert trace is not None
    assert (trace.trace_id, trace.parent_id, trace.span_id) == (7, 8, span.span_id)
    fields, span = sent(None, None)
    assert fields.keys() == {b"l5d-ctx-trace", b"l5d-reqid", b"l5d-x"}
    assert span.flags == 0


def test_what_else_travels_on_is_there_too() -> None:
    fields, _ = sent(Context(Deadline(5, 6), Dtab.parse("/a => /b")), ALL, "b3")
    assert fields.keys() == {b"b3", b"l5d-ctx-deadline", b"l5d-ctx-dtab", b"l5d-x"}
