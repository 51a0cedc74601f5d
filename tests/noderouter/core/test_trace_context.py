"""The trace id codec, against Finagle's wire format."""

from base64 import b64decode, b64encode
from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.trace_context import (
    DEBUG,
    SAMPLED,
    SAMPLING_KNOWN,
    child,
    child_fields,
    decide,
    decision,
    parse_trace,
    show_trace,
    start,
    start_fields,
)

WORD = st.integers(0, 2**64 - 1)
TRACES = st.builds(Trace, WORD, WORD, WORD, WORD, st.none() | WORD).filter(
    lambda trace: bool(trace.trace_id or trace.trace_id_high)
)


@given(TRACES)
def test_parse_reads_what_show_writes(trace: Trace) -> None:
    assert parse_trace(show_trace(trace)) == trace


def test_the_words_are_span_parent_trace_flags() -> None:
    value = b64encode(pack(">QQQQ", 1, 2, 3, 6))
    assert parse_trace(value) == Trace(trace_id=3, span_id=1, parent_id=2, flags=6)


def test_a_fifth_word_is_the_high_half_of_the_trace_id() -> None:
    value = b64encode(pack(">QQQQQ", 1, 2, 3, 0, 9))
    assert parse_trace(value) == Trace(3, 1, 2, 0, 9)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_no_trace_or_one_that_shows_the_same(value: bytes) -> None:
    trace = parse_trace(value)
    assert trace is None or show_trace(trace) == value


def test_other_lengths_and_loose_base64_are_no_trace() -> None:
    good = b64encode(b"\1" * 32)
    for value in (b"", b"AAAA", b64encode(bytes(31)), b64encode(bytes(48)), good[:-1], b" " + good, good + b"A" * 100):
        assert parse_trace(value) is None, value


def test_no_trace_has_an_id_of_zeros() -> None:
    """Whoever sends it would be in one trace with all others that do."""
    assert parse_trace(b64encode(pack(">QQQQ", 1, 2, 0, 6))) is None
    assert parse_trace(b64encode(pack(">QQQQQ", 1, 2, 0, 6, 0))) is None
    assert parse_trace(b64encode(pack(">QQQQQ", 1, 2, 0, 6, 1))) is not None


def parsed(fields: bytes) -> tuple[Trace, bytes]:
    (first, second, end) = fields.split(b"\r\n")
    assert end == b""
    assert first.startswith(b"l5d-ctx-trace: ")
    assert second.startswith(b"l5d-reqid: ")
    trace = parse_trace(first.partition(b": ")[2])
    assert trace is not None
    return trace, second.partition(b": ")[2]


def test_a_new_trace_is_a_child_of_its_root_and_the_request_id_is_the_root() -> None:
    trace, request_id = parsed(start_fields())
    assert trace.parent_id == trace.trace_id != trace.span_id
    assert trace.flags == 0
    assert trace.trace_id_high is None
    assert request_id == b"%016x" % trace.trace_id
    assert start_fields() != start_fields()


@given(TRACES)
def test_a_child_has_a_new_span_below_the_given_one(trace: Trace) -> None:
    below, request_id = parsed(child_fields(trace))
    assert below.parent_id == trace.span_id
    assert (below.trace_id, below.flags, below.trace_id_high) == (trace.trace_id, trace.flags, trace.trace_id_high)
    assert request_id == b"%016x" % trace.trace_id
    assert parsed(child_fields(trace))[0].span_id != below.span_id


@given(TRACES)
def test_a_child_keeps_all_of_a_trace_but_the_span(trace: Trace) -> None:
    trace.state, trace.random = b"a=1", True
    below = child(trace)
    assert below.span_id not in (0, trace.span_id)
    assert below.parent_id == trace.span_id
    below.span_id, below.parent_id = trace.span_id, trace.parent_id
    assert below == trace


def test_debug_is_sampled_and_what_nobody_has_decided_is_neither() -> None:
    flags = (0, SAMPLED, SAMPLING_KNOWN, SAMPLING_KNOWN | SAMPLED, DEBUG)
    assert [decision(each) for each in flags] == [None, None, False, True, True]


@given(TRACES)
def test_rates_of_nought_and_one_decide_for_all_and_keep_other_flags(trace: Trace) -> None:
    never, always = decide(trace, 0.0).flags, decide(trace, 1.0).flags
    assert never & (SAMPLING_KNOWN | SAMPLED) == SAMPLING_KNOWN
    assert always & (SAMPLING_KNOWN | SAMPLED) == SAMPLING_KNOWN | SAMPLED
    assert never & DEBUG == always & DEBUG == trace.flags & DEBUG
    assert decide(trace, None) is trace


@given(WORD, st.floats(0, 1))
def test_the_decision_is_the_trace_ids_alone(trace_id: int, rate: float) -> None:
    one = decide(Trace(trace_id, 1, 2), rate)
    other = decide(Trace(trace_id, 3, 4, 0, 5), rate)
    assert one.flags == other.flags


def test_a_rate_is_about_that_share() -> None:
    sampled = sum(bool(start(0.25).flags & SAMPLED) for _ in range(4000))
    assert 800 < sampled < 1200


def test_the_root_span_is_its_own_parent() -> None:
    root = start()
    assert root.trace_id == root.span_id == root.parent_id
    assert root.flags == 0


def test_values_have_the_alphabet_of_a_header_field() -> None:
    assert b64decode(show_trace(Trace(1, 2, 3)), validate=True)
