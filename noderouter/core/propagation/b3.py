"""`b3`, the format of Zipkin's tracers in one field: `trace id-span id-sampling-parent span id`.

The last part, or the last two, may be missing. Sampling is `0`, `1` or `d` for debug; alone it is a decision for a
trace that is still to begin.
"""

import re
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.message import Reserved
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, begin

FIELDS: Final = frozenset((b"b3",))

_VALUE: Final = re.compile(
    rb"([0-9A-Fa-f]{16})?([0-9A-Fa-f]{16})-([0-9A-Fa-f]{16})(?:-([01d])(?:-([0-9A-Fa-f]{16}))?)?", re.ASCII
)
FLAGS: Final = {b"0": SAMPLING_KNOWN, b"1": SAMPLING_KNOWN | SAMPLED, b"d": SAMPLING_KNOWN | SAMPLED | DEBUG, None: 0}
"""Of each sampling state, as Zipkin writes it; None is that nobody has decided."""


def read(fields: Reserved) -> Trace | None:
    """See the folder."""
    if len(fields) != 1:
        return None
    value = fields[0][1]
    if value in FLAGS:
        return begin(FLAGS[value])
    found = _VALUE.fullmatch(value)
    if found is None:
        return None
    high, low, span, sampling, parent = found.groups()
    return ids(high, low, span, parent, FLAGS[sampling])


def ids(high: bytes | None, low: bytes, span: bytes, parent: bytes | None, flags: int) -> Trace | None:
    """The trace of hexadecimal words; None where one that has to be there is zero."""
    trace_id, trace_id_high, span_id = int(low, 16), int(high or b"0", 16), int(span, 16)
    if not span_id or not (trace_id or trace_id_high):
        return None
    return Trace(trace_id, span_id, int(parent or b"0", 16), flags, trace_id_high or None)


def write(trace: Trace) -> bytes:
    """See the folder."""
    state = state_of(trace.flags)
    if not trace.span_id:
        return b"" if state is None else b"b3: %b\r\n" % state
    line = b"b3: %b-%016x" % (trace_id_text(trace), trace.span_id)
    if state is not None:
        line += b"-" + state
        if trace.parent_id:
            line += b"-%016x" % trace.parent_id
    return line + b"\r\n"


def trace_id_text(trace: Trace) -> bytes:
    """The trace id in 16 digits, or 32 where it is that long."""
    low = b"%016x" % trace.trace_id
    return b"%016x%b" % (trace.trace_id_high, low) if trace.trace_id_high else low


def state_of(flags: int) -> bytes | None:
    """What is written for these flags; None where nobody has decided."""
    if flags & DEBUG:
        return b"d"
    if not flags & SAMPLING_KNOWN:
        return None
    return b"1" if flags & SAMPLED else b"0"
