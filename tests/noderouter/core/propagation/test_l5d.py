"""`l5d-ctx-trace` among the other formats; its wire format is in `test_trace_context.py`."""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.context import Trace
from noderouter.core.propagation.l5d import FIELDS, read, write
from noderouter.core.trace_context import show_trace
from tests.noderouter.core.propagation.wire import WORD, fields_of


@given(st.builds(Trace, WORD.filter(bool), WORD, WORD, WORD, st.none() | WORD))
def test_what_is_written_is_read_again_and_names_the_request(trace: Trace) -> None:
    fields = dict(fields_of(write(trace)))
    assert fields[b"l5d-reqid"] == b"%016x" % trace.trace_id
    assert read(tuple(field for field in fields.items() if field[0] in FIELDS)) == trace


def test_of_several_the_first_that_makes_sense_counts() -> None:
    one, other = Trace(1, 2, 3), Trace(4, 5, 6)
    values = (b"nonsense", show_trace(one), show_trace(other))
    assert read(tuple((b"l5d-ctx-trace", value) for value in values)) == one
    assert read(()) is None
