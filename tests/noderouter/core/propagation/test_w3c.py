"""`traceparent` and `tracestate`, by the rules of W3C Trace Context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.headers import FIELD_VALUE
from noderouter.core.propagation.w3c import MAX_STATE_BYTES, MAX_STATE_MEMBERS, read, read_state, write
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN
from tests.noderouter.core.propagation.wire import NON_ZERO, fields_of

TRACE_ID, SPAN_ID = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
GOOD = b"00-" + TRACE_ID + b"-" + SPAN_ID + b"-01"
PARSED = Trace(0xA3CE929D0E0E4736, 0x00F067AA0BA902B7, 0, SAMPLING_KNOWN | SAMPLED, 0x4BF92F3577B34DA6)

KEYS = st.from_regex(rb"[a-z][a-z0-9_\-*/]{0,20}(@[a-z]{1,5})?", fullmatch=True)
VALUES = st.from_regex(rb"[\x21-\x2b\x2d-\x3c\x3e-\x7e]{1,200}", fullmatch=True)
STATES = st.dictionaries(KEYS, VALUES, max_size=40).map(lambda pairs: [b"%b=%b" % pair for pair in pairs.items()])


def parent(*values: bytes) -> Trace | None:
    return read(tuple((b"traceparent", value) for value in values))


def test_the_ids_are_those_of_the_caller() -> None:
    assert parent(GOOD) == PARSED
    assert write(PARSED) == b"traceparent: " + GOOD + b"\r\n"


@given(
    st.builds(
        Trace,
        NON_ZERO,
        NON_ZERO,
        st.just(0),
        st.sampled_from((SAMPLING_KNOWN, SAMPLING_KNOWN | SAMPLED)),
        st.none() | NON_ZERO,
        st.sampled_from((b"", b"a=b", b"rojo=00f067aa0ba902b7,t61rcwkgmze@vendor=x y")),
        st.booleans(),
    )
)
def test_what_is_written_is_read_again(trace: Trace) -> None:
    assert read(fields_of(write(trace))) == trace


@given(st.lists(st.tuples(st.sampled_from((b"traceparent", b"tracestate")), st.binary(max_size=80)), max_size=4))
def test_arbitrary_bytes_are_no_context_or_one_that_is_the_same_when_read_again(
    fields: list[tuple[bytes, bytes]],
) -> None:
    trace = read(tuple(fields))
    assert trace is None or read(fields_of(write(trace))) == trace


@pytest.mark.parametrize(
    "value",
    [
        b"",
        GOOD[:-1],
        GOOD + b"-",
        GOOD + b"0",
        GOOD.upper(),
        GOOD.replace(b"00-", b"ff-", 1),
        GOOD.replace(b"00-", b"0g-", 1),
        GOOD.replace(TRACE_ID, b"0" * 32),
        GOOD.replace(SPAN_ID, b"0" * 16),
        GOOD.replace(b"-01", b"-1g"),
        GOOD.replace(b"-", b"_"),
        b"01" + GOOD[2:] + b"x",
    ],
)
def test_what_is_malformed_is_no_context(value: bytes) -> None:
    assert parent(value) is None


def test_two_are_ambiguous_even_if_they_are_the_same() -> None:
    assert parent(GOOD, GOOD) is None


def test_a_later_version_is_read_as_far_as_this_one_goes_and_written_as_this_one() -> None:
    for later in (b"cc" + GOOD[2:], b"cc" + GOOD[2:] + b"-what-the-future-brings"):
        trace = parent(later)
        assert trace == PARSED
        assert GOOD in write(trace)


def test_flags_are_sampled_and_random_and_no_other() -> None:
    for digits, sampled, random in (
        (b"00", False, False),
        (b"03", True, True),
        (b"fe", False, True),
        (b"fd", True, False),
    ):
        trace = parent(GOOD[:-2] + digits)
        assert trace is not None
        assert (bool(trace.flags & SAMPLED), trace.random) == (sampled, random)
        assert trace.flags & SAMPLING_KNOWN
        assert write(trace).endswith(b"-0%d\r\n" % (sampled + 2 * random))


def test_without_a_span_nothing_is_written() -> None:
    assert write(Trace(1, 0, 0)) == b""


def test_debug_is_sampled() -> None:
    assert b"-01\r\n" in write(Trace(1, 2, 3, DEBUG))


def test_a_trace_id_of_64_bits_is_filled_with_zeros() -> None:
    assert b"-%032x-" % 7 in write(Trace(7, 2, 3))
    trace = read(fields_of(write(Trace(7, 2, 3))))
    assert trace is not None
    assert trace.trace_id_high is None


def test_a_state_without_a_parent_is_nothing() -> None:
    assert read(((b"tracestate", b"a=b"),)) is None


def test_a_bad_state_is_dropped_and_the_parent_stays() -> None:
    trace = read(((b"traceparent", GOOD), (b"tracestate", b"a=b,,=")))
    assert trace == PARSED


def test_states_are_joined_in_order_without_what_is_empty() -> None:
    assert read_state([b" a=1 , ,b@c=2\t", b"", b"d=3"]) == b"a=1,b@c=2,d=3"


@pytest.mark.parametrize("state", [b"0=v", b"9a_-*/=v", b"a@b@c=v", b"4@b=v", b"k" * 256 + b"=v"])
def test_keys_of_level_2(state: bytes) -> None:
    """Section 3.3.1.3.1: a digit may begin each, and an @ is a character like others."""
    assert read_state([state]) == state


@pytest.mark.parametrize(
    "state", [b"a", b"=b", b"A=b", b"a=b=c", b"a=b,a=c", b"a=" + b"v" * 257, b"k" * 257 + b"=v", b"a=\x80"]
)
def test_a_state_that_breaks_the_rules_is_dropped_whole(state: bytes) -> None:
    assert read_state([b"ok=1", state]) == b""


def test_more_members_than_there_may_be_are_no_state() -> None:
    members = [b"k%d=v" % number for number in range(MAX_STATE_MEMBERS)]
    assert read_state([b",".join(members)]) == b",".join(members)
    assert read_state([b",".join(members), b"one=more"]) == b""


def test_of_a_long_state_long_members_leave_first_and_then_the_last() -> None:
    long, short = b"l=" + b"v" * 200, [b"k%d=%b" % (number, b"v" * 60) for number in range(9)]
    kept = read_state([b",".join([short[0], long, *short[1:]])])
    assert kept == b",".join(short[:8])
    assert read_state([b"a=1," + long]) == b"a=1," + long


@given(STATES)
def test_what_is_kept_of_a_state_is_bounded_in_order_and_a_field_value(members: list[bytes]) -> None:
    kept = read_state(members)
    assert len(kept) <= MAX_STATE_BYTES
    assert FIELD_VALUE.fullmatch(kept)
    left = iter(members)
    assert all(member in left for member in kept.split(b",") if member)
    assert read_state([kept]) == kept
