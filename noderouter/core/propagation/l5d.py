"""`l5d-ctx-trace`, the format of Linkerd 1, with `l5d-reqid` (docs/linkerd1.md sections 5.1 and 5.2).

Of several the first that makes sense counts, as ever in Linkerd. What it says on the wire is in `core.trace_context`.
"""

from typing import Final

from noderouter.core.context import Trace
from noderouter.core.message import Reserved
from noderouter.core.trace_context import parse_trace, show_trace

_TRACE: Final = b"l5d-ctx-trace"
FIELDS: Final = frozenset((_TRACE,))


def read(fields: Reserved) -> Trace | None:
    """See the folder."""
    for _, value in fields:
        trace = parse_trace(value)
        if trace is not None:
            return trace
    return None


def write(trace: Trace) -> bytes:
    """See the folder; the request id is for logs, and goes along."""
    return b"l5d-ctx-trace: %b\r\nl5d-reqid: %016x\r\n" % (show_trace(trace), trace.trace_id)
