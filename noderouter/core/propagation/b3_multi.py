"""`x-b3-*`, the format of Zipkin's tracers in up to five fields.

`x-b3-traceid` (16 or 32 digits) and `x-b3-spanid` go together, `x-b3-parentspanid` may be with them. `x-b3-sampled`
is 0 or 1, or `true` or `false` as old tracers write it; `x-b3-flags: 1` is debug. A decision without ids counts for
a trace that is still to begin. A field that is there twice makes all of them ambiguous.
"""

import re
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.message import Reserved
from noderouter.core.propagation.b3 import FLAGS, ids, state_of, trace_id_text
from noderouter.core.trace_context import begin

_TRACE: Final = b"x-b3-traceid"
_SPAN: Final = b"x-b3-spanid"
_PARENT: Final = b"x-b3-parentspanid"
_SAMPLED: Final = b"x-b3-sampled"
_FLAGS: Final = b"x-b3-flags"
FIELDS: Final = frozenset((_TRACE, _SPAN, _PARENT, _SAMPLED, _FLAGS))

_TRACE_ID: Final = re.compile(rb"([0-9A-Fa-f]{16})?([0-9A-Fa-f]{16})")
_SPAN_ID: Final = re.compile(rb"[0-9A-Fa-f]{16}")
_STATES: Final = {b"0": b"0", b"1": b"1", b"true": b"1", b"false": b"0", None: None}


def read(fields: Reserved) -> Trace | None:
    """See the folder."""
    values = dict(fields)
    if len(values) != len(fields):
        return None
    sampled, debug = values.get(_SAMPLED), values.get(_FLAGS, b"0")
    if debug not in (b"0", b"1") or (sampled is not None and sampled.lower() not in _STATES):
        return None
    flags = FLAGS[b"d" if debug == b"1" else _STATES[None if sampled is None else sampled.lower()]]
    if _TRACE not in values and _SPAN not in values and _PARENT not in values:
        return begin(flags) if flags else None
    trace, span, parent = values.get(_TRACE, b""), values.get(_SPAN, b""), values.get(_PARENT)
    found = _TRACE_ID.fullmatch(trace)
    if found is None or _SPAN_ID.fullmatch(span) is None or (parent is not None and _SPAN_ID.fullmatch(parent) is None):
        return None
    return ids(found[1], found[2], span, parent, flags)


def write(trace: Trace) -> bytes:
    """See the folder."""
    lines = b""
    if trace.span_id:
        lines = b"x-b3-traceid: %b\r\nx-b3-spanid: %016x\r\n" % (trace_id_text(trace), trace.span_id)
    if trace.span_id and trace.parent_id:
        lines += b"x-b3-parentspanid: %016x\r\n" % trace.parent_id
    state = state_of(trace.flags)
    if state == b"d":
        return lines + b"x-b3-flags: 1\r\n"
    return lines if state is None else lines + b"x-b3-sampled: %b\r\n" % state
