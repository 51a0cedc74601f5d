"""Which formats are read and written, and that all carry one trace."""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.propagation.formats import FORMATS, Propagation
from noderouter.core.trace_context import SAMPLED, SAMPLING_KNOWN
from tests.noderouter.core.propagation.wire import NON_ZERO, fields_of

NAMES = [each.name for each in FORMATS]
KNOWN = st.sampled_from((SAMPLING_KNOWN, SAMPLING_KNOWN | SAMPLED))
TRACES = st.builds(Trace, NON_ZERO, NON_ZERO, st.just(0), KNOWN, st.none() | NON_ZERO)


def names(lines: bytes) -> set[str]:
    """The formats whose fields are in these lines."""
    there = {name for name, _ in fields_of(lines)}
    return {each.name for each in FORMATS if there & each.fields}


@given(TRACES, st.sets(st.sampled_from(NAMES), min_size=1))
def test_each_format_carries_the_same_trace(trace: Trace, chosen: set[str]) -> None:
    lines = Propagation(chosen).write(trace)
    assert names(lines) == chosen
    found, came = Propagation().read(fields_of(lines))
    assert found is not None
    assert came == chosen
    assert (found.trace_id, found.trace_id_high, found.span_id) == (trace.trace_id, trace.trace_id_high, trace.span_id)
    assert found.flags == trace.flags


def test_of_several_that_differ_w3c_counts_then_b3_then_l5d() -> None:
    fields = [field for at, each in enumerate(FORMATS, 1) for field in fields_of(each.write(Trace(at, 1, 0)))]
    for at, each in enumerate(FORMATS, 1):
        found, _ = Propagation().read(tuple(fields))
        assert found is not None
        assert found.trace_id == at
        fields = [field for field in fields if field[0] not in each.fields]
    assert Propagation().read(()) == (None, frozenset())


def test_one_that_is_malformed_does_not_count() -> None:
    fields = ((b"traceparent", b"nonsense"), *fields_of(Propagation({"b3"}).write(Trace(7, 8, 0))))
    found, came = Propagation().read(fields)
    assert found is not None
    assert found.trace_id == 7
    assert came == {"b3"}


def test_without_a_choice_the_usual_ones_are_written_and_what_came() -> None:
    trace = Trace(1, 2, 3)
    assert names(Propagation().write(trace)) == {"w3c", "l5d"}
    assert names(Propagation().write(trace, frozenset(("b3multi",)))) == {"w3c", "b3multi", "l5d"}


def test_with_a_choice_it_alone_is_read_and_written_whatever_came() -> None:
    chosen = Propagation(("b3",))
    assert chosen.read(fields_of(Propagation(("w3c",)).write(Trace(1, 2, 3)))) == (None, frozenset())
    assert names(chosen.write(Trace(1, 2, 3), frozenset(("w3c",)))) == {"b3"}
    assert chosen.fields == {b"b3"}


def test_where_no_spans_are_recorded_what_came_goes_on_as_it_came_and_linkerds_ids_have_one_span_more() -> None:
    trace, span = Trace(1, 2, 3, SAMPLING_KNOWN), Trace(1, 9, 2, SAMPLING_KNOWN)
    one = Propagation().carry(span, trace, frozenset(("b3",)))
    assert names(one) == {"b3", "l5d"}
    assert b"b3: %016x-%016x-0" % (1, 2) in one
    assert Propagation(("l5d",)).write(span) in one
    assert names(Propagation().carry(span, trace, frozenset(("l5d",)))) == {"l5d"}
    assert names(Propagation(("w3c", "b3")).carry(span, trace, frozenset(("b3",)))) == {"w3c", "b3"}
    assert names(Propagation().carry(span, trace, frozenset())) == {"l5d"}


@given(st.lists(st.tuples(st.sampled_from(sorted(Propagation().fields)), st.binary(max_size=80)), max_size=8))
def test_arbitrary_bytes_never_raise(fields: list[tuple[bytes, bytes]]) -> None:
    trace, came = Propagation().read(tuple(fields))
    assert (trace is None) == (not came)
    if trace is not None:
        assert Propagation().read(fields_of(Propagation().write(trace.child(1), came)))[0] is not None
