"""What of a request's traces is read and taken out, and what of it stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Context, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.propagation.formats import Propagation
from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN
from noderouter.proxy.filter.read_trace import ClearTrace, ReadTrace
from tests.testing.reply import make_exchange
from tests.testing.step import run

PARENT = b"traceparent: 00-%032x-%016x-01\r\n" % (7, 8)
OTHERS = b"host: hello\r\nx-b33: x-b3-traceid: 1\r\ntrace: 1\r\nb3x: 2\r\n"


async def served(_exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def read(block: bytes, context: Context | None = None, *names: str) -> Exchange:
    exchange = make_exchange(block=block)
    exchange.context = context
    run(ReadTrace(served, Propagation(names or None)).serve(exchange))
    return exchange


@pytest.mark.parametrize(
    "block", [PARENT + OTHERS, OTHERS + PARENT, OTHERS + PARENT.replace(b"tr", b"Tr").replace(b": ", b":\t")]
)
def test_the_trace_is_read_and_its_fields_leave_wherever_they_stand(block: bytes) -> None:
    exchange = read(block)
    assert exchange.context == Context(trace=Trace(7, 8, 0, SAMPLING_KNOWN | SAMPLED), formats=frozenset(("w3c",)))
    assert exchange.block == OTHERS


def test_a_request_without_traces_stays_as_it_is() -> None:
    exchange = read(OTHERS)
    assert exchange.context is None
    assert exchange.block == OTHERS


def test_what_cannot_be_understood_leaves_all_the_same() -> None:
    exchange = read(b"traceparent: nonsense\r\ntracestate: a=b\r\n" + OTHERS)
    assert exchange.context == Context()
    assert exchange.block == OTHERS


def test_the_context_of_linkerd_counts_where_no_other_is_there() -> None:
    trace = Trace(1, 2, 3)
    for block, trace_id, formats in ((OTHERS, 1, {"l5d"}), (PARENT, 7, {"l5d", "w3c"})):
        context = read(block, Context(trace=trace)).context
        assert context is not None
        assert context.trace is not None
        assert (context.trace.trace_id, context.formats) == (trace_id, formats)


def test_formats_that_are_not_read_are_fields_like_any_other_and_that_of_linkerd_ends() -> None:
    exchange = read(PARENT + b"b3: 0\r\n", Context(trace=Trace(1, 2, 3)), "b3")
    assert exchange.block == PARENT
    assert exchange.context is not None
    assert exchange.context.formats == {"b3"}
    assert exchange.context.trace is not None
    assert exchange.context.trace.flags == SAMPLING_KNOWN
    assert read(b"", Context(trace=Trace(1, 2, 3)), "b3").context == Context()


def test_a_server_that_faces_the_internet_drops_what_strangers_say() -> None:
    exchange = make_exchange(block=PARENT + OTHERS + b"X-B3-Flags: 1\r\n")
    run(ClearTrace(served).serve(exchange))
    assert exchange.context is None
    assert exchange.block == OTHERS


NAMES = st.sampled_from(
    (b"traceparent", b"TraceState", b"b3", b"X-B3-TraceId", b"x-b3-spanid", b"x-b3-sampled", b"x", b"b3-x")
)
VALUES = st.from_regex(rb"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_nothing_but_trace_fields_leaves_and_nothing_raises(fields: list[tuple[bytes, bytes]]) -> None:
    block = b"".join(b"%b: %b\r\n" % field for field in fields)
    kept = b"".join(b"%b: %b\r\n" % field for field in fields if field[0].lower() not in Propagation().fields)
    assert read(block).block == kept
