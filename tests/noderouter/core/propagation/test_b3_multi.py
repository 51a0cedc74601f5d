"""`x-b3-*`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.propagation.b3_multi import FIELDS, read, write
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN
from tests.noderouter.core.propagation.wire import NON_ZERO, WORD, fields_of

LOW, HIGH, SPAN, PARENT = b"64fe8b2a57d3eff7", b"80f198ee56343ba8", b"e457b5a2e4d86bd1", b"05e3ac9a4f6e3b90"
DEBUGGED = SAMPLING_KNOWN | SAMPLED | DEBUG
STATES = (0, SAMPLING_KNOWN, SAMPLING_KNOWN | SAMPLED, DEBUGGED)


def said(**values: bytes) -> Trace | None:
    return read(tuple((b"x-b3-" + name.encode(), value) for name, value in values.items()))


def test_the_ids_may_come_with_a_parent_and_a_decision() -> None:
    trace = Trace(int(LOW, 16), int(SPAN, 16), int(PARENT, 16), SAMPLING_KNOWN | SAMPLED, int(HIGH, 16))
    assert said(traceid=HIGH + LOW, spanid=SPAN, parentspanid=PARENT, sampled=b"1") == trace
    assert said(traceid=LOW, spanid=SPAN) == Trace(int(LOW, 16), int(SPAN, 16), 0)
    assert said(traceid=LOW, spanid=SPAN, flags=b"1", sampled=b"0") == Trace(int(LOW, 16), int(SPAN, 16), 0, DEBUGGED)
    assert said(traceid=LOW, spanid=SPAN, sampled=b"False") == Trace(int(LOW, 16), int(SPAN, 16), 0, SAMPLING_KNOWN)


@given(st.builds(Trace, NON_ZERO, NON_ZERO, WORD, st.sampled_from(STATES), st.none() | NON_ZERO))
def test_what_is_written_is_read_again(trace: Trace) -> None:
    assert read(fields_of(write(trace))) == trace


@given(st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), st.binary(max_size=40)), min_size=1, max_size=6))
def test_arbitrary_bytes_are_no_context_or_one_that_is_the_same_when_read_again(
    fields: list[tuple[bytes, bytes]],
) -> None:
    trace = read(tuple(fields))
    if trace is not None:
        again = read(fields_of(write(trace)))
        assert again == trace or (not trace.span_id and again is not None and again.flags == trace.flags)


@pytest.mark.parametrize(
    "values",
    [
        {"traceid": LOW},
        {"spanid": SPAN},
        {"parentspanid": PARENT},
        {"traceid": LOW[1:], "spanid": SPAN},
        {"traceid": LOW + b"0", "spanid": SPAN},
        {"traceid": b"0" * 32, "spanid": SPAN},
        {"traceid": LOW, "spanid": b"0" * 16},
        {"traceid": LOW, "spanid": SPAN, "parentspanid": b"x"},
        {"traceid": LOW, "spanid": SPAN, "sampled": b"yes"},
        {"traceid": LOW, "spanid": SPAN, "flags": b"2"},
        {"flags": b"0"},
    ],
)
def test_what_is_malformed_is_no_context(values: dict[str, bytes]) -> None:
    assert said(**values) is None


def test_a_field_that_is_there_twice_makes_all_ambiguous() -> None:
    good = ((b"x-b3-traceid", LOW), (b"x-b3-spanid", SPAN))
    assert read(good) is not None
    assert read((*good, good[0])) is None


@pytest.mark.parametrize(
    ("values", "flags"),
    [({"sampled": b"0"}, STATES[1]), ({"sampled": b"true"}, STATES[2]), ({"flags": b"1"}, DEBUGGED)],
)
def test_a_decision_alone_is_one_for_a_new_trace(values: dict[str, bytes], flags: int) -> None:
    trace = said(**values)
    assert trace is not None
    assert (trace.span_id, trace.flags) == (0, flags)
