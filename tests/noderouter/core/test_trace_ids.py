"""The lines of new traces: compiled and in Python, and what they say."""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.trace_context import parse_trace
from noderouter.core.trace_ids import start_lines, start_lines_pure


@given(st.binary(max_size=100))
def test_both_make_the_same(random: bytes) -> None:
    assert start_lines(random) == start_lines_pure(random)


def test_what_they_say() -> None:
    (lines,) = start_lines(bytes(range(16)))
    trace_line, id_line, rest = lines.split(b"\r\n")
    assert rest == b""
    assert id_line == b"l5d-reqid: 0001020304050607"
    trace = parse_trace(trace_line.removeprefix(b"l5d-ctx-trace: "))
    assert trace is not None
    assert (trace.trace_id, trace.parent_id, trace.span_id) == (
        0x0001020304050607,
        0x0001020304050607,
        0x08090A0B0C0D0E0F,
    )
    assert trace.flags == 0
