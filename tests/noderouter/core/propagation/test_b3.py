"""`b3` in one field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.propagation.b3 import read, write
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN
from tests.noderouter.core.propagation.wire import NON_ZERO, WORD, fields_of

STATES = (0, SAMPLING_KNOWN, SAMPLING_KNOWN | SAMPLED, SAMPLING_KNOWN | SAMPLED | DEBUG)
LOW, HIGH, SPAN, PARENT = b"64fe8b2a57d3eff7", b"80f198ee56343ba8", b"e457b5a2e4d86bd1", b"05e3ac9a4f6e3b90"


def value(text: bytes) -> Trace | None:
    return read(((b"b3", text),))


def test_the_parts_are_trace_span_sampling_and_parent() -> None:
    trace = Trace(int(LOW, 16), int(SPAN, 16), int(PARENT, 16), SAMPLING_KNOWN | SAMPLED, int(HIGH, 16))
    assert value(b"-".join((HIGH + LOW, SPAN, b"1", PARENT))) == trace
    assert value(b"-".join((LOW, SPAN))) == Trace(int(LOW, 16), int(SPAN, 16), 0)
    assert value(b"-".join((LOW, SPAN, b"d"))) == Trace(int(LOW, 16), int(SPAN, 16), 0, STATES[3])
    assert value(b"-".join((LOW.upper(), SPAN.upper(), b"0"))) == Trace(int(LOW, 16), int(SPAN, 16), 0, STATES[1])


@given(st.builds(Trace, NON_ZERO, NON_ZERO, WORD, st.sampled_from(STATES[1:]), st.none() | NON_ZERO))
def test_what_is_written_is_read_again(trace: Trace) -> None:
    assert read(fields_of(write(trace))) == trace


def test_without_a_decision_nothing_is_said_of_sampling_and_of_the_parent_in_front_of_it() -> None:
    assert write(Trace(1, 2, 3)) == b"b3: %016x-%016x\r\n" % (1, 2)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_no_context_or_one_that_is_the_same_when_read_again(text: bytes) -> None:
    trace = value(text)
    if trace is not None:
        again = read(fields_of(write(trace)))
        assert again == trace or (not trace.span_id and again is not None and again.flags == trace.flags)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"2",
        LOW,
        LOW + b"-",
        LOW + b"-" + SPAN + b"-",
        LOW + b"-" + SPAN + b"-true",
        LOW + b"-" + SPAN + b"-1-",
        LOW + b"-" + SPAN + b"-" + PARENT,
        LOW[1:] + b"-" + SPAN,
        b"0" * 16 + b"-" + SPAN,
        LOW + b"-" + b"0" * 16,
        b"g" * 16 + b"-" + SPAN,
    ],
)
def test_what_is_malformed_is_no_context(text: bytes) -> None:
    assert value(text) is None


def test_two_are_ambiguous() -> None:
    assert read(((b"b3", LOW + b"-" + SPAN), (b"b3", LOW + b"-" + SPAN))) is None


@pytest.mark.parametrize(("text", "flags"), [(b"0", STATES[1]), (b"1", STATES[2]), (b"d", STATES[3])])
def test_a_decision_alone_is_one_for_a_new_trace(text: bytes, flags: int) -> None:
    one, other = value(text), value(text)
    assert one is not None
    assert other is not None
    assert (one.span_id, one.flags) == (0, flags)
    assert one.trace_id != other.trace_id
