"""What the next hop is told where the router takes part in traces."""

from dtab import Dtab
from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
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
    """The fields that are sent on, and the span of the router."""
    exchange = make_exchange(reserved=((b"l5d-x", b"1"), (b"via", b"1.1 x")))
    exchange.context = context
    run(PropagateTrace(served, Propagation(names or None), limit).serve(exchange))
    pairs = list(Headers(exchange.request_fields).items())
    assert len(dict(pairs)) == len(pairs), "a field is there twice"
    assert exchange.context is not None
    assert exchange.context.span is not None
    return dict(pairs), exchange.context.span


def test_a_request_without_trace_begins_one_in_the_usual_formats() -> None:
    fields, span = sent(None)
    assert fields.keys() == {b"traceparent", b"l5d-ctx-trace", b"l5d-reqid", b"l5d-x"}
    assert fields[b"traceparent"] == b"00-%016x%016x-%016x-03" % (span.trace_id_high or 0, span.trace_id, span.span_id)
    assert parse_trace(fields[b"l5d-ctx-trace"]) == Trace(
        span.trace_id, span.span_id, 0, span.flags, span.trace_id_high
    )
    assert fields[b"l5d-reqid"] == b"%016x" % span.trace_id
    assert span.parent_id == 0
    assert sent(None)[1].trace_id != span.trace_id


def test_a_trace_goes_on_below_the_routers_own_span() -> None:
    fields, span = sent(Context(trace=CALLER, formats=frozenset(("w3c",))))
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
