"""The trace ids of a request on the wire: `l5d-ctx-trace` and `l5d-reqid` (docs/linkerd1.md sections 5.1 and 5.2).

Between `context` (reads) and `propagate` (writes). The format is Finagle's: big-endian 64-bit words span id,
parent id, trace id, flags and, for 128-bit traces, the high word of the trace id; base64 with padding.

A router adds one span to the path of a request: what it sends on has a new span id whose parent is the span it was
given. A request that comes without ids starts a trace; the request id is the root, so that one token finds a request
in the logs of every service.
"""

from binascii import Error, a2b_base64, b2a_base64, hexlify
from random import getrandbits
from struct import Struct
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.trace_ids import IDS_BYTES, start_lines

DEBUG: Final = 1
SAMPLING_KNOWN: Final = 2
SAMPLED: Final = 4

_WORDS: Final = Struct(">QQQQ")
_WORD: Final = Struct(">Q")
_MASK: Final = (1 << 64) - 1
_TEXT_BYTES: Final = 56
"""Base64 of 40 bytes; anything longer is no trace."""


def parse_trace(value: bytes) -> Trace | None:
    """Read `l5d-ctx-trace`; None where it is not one (as in Linkerd, the request then starts a trace)."""
    if len(value) > _TEXT_BYTES:
        return None
    try:
        data = a2b_base64(value, strict_mode=True)
    except Error:
        return None
    if len(data) not in (32, 40):
        return None
    span_id, parent_id, trace_id, flags = _WORDS.unpack_from(data)
    high = _WORD.unpack_from(data, 32)[0] if len(data) == 40 else None
    if not trace_id and not high:
        return None  # all who send it would be in one trace
    return Trace(trace_id, span_id, parent_id, flags, high)


def show_trace(trace: Trace) -> bytes:
    """The value of `l5d-ctx-trace`; `parse_trace` reads it back."""
    data = _WORDS.pack(trace.span_id, trace.parent_id, trace.trace_id, trace.flags)
    if trace.trace_id_high is not None:
        data += _WORD.pack(trace.trace_id_high)
    return b2a_base64(data, newline=False)


def start_fields() -> bytes:
    """Field lines for a request that had no ids: a new trace, undecided whether it is sampled.

    The common case, so lines are made ahead, many at a time.
    """
    if not _ready:
        _prepare()
    return _ready.pop()


_ready: Final[list[bytes]] = []
_AHEAD: Final = 128


def _prepare() -> None:
    """Make lines from random bytes: a new span below a root span, whose id is that of the trace."""
    size = IDS_BYTES * _AHEAD
    _ready.extend(start_lines(getrandbits(8 * size).to_bytes(size, "big")))


def start(sample: float | None = None) -> Trace:
    """The root span of a new trace."""
    root = getrandbits(64)
    return decide(Trace(root, root, root), sample)


def begin(flags: int = 0) -> Trace:
    """A new trace of 128 bits in which there is no span yet."""
    bits = getrandbits(128)
    return Trace(bits & _MASK, 0, 0, flags, bits >> 64, b"", True)


def decide(trace: Trace, sample: float | None) -> Trace:
    """`trace` with the decision that a rate of `sample` means for it; None leaves it as it is."""
    if sample is not None:
        decide_below(trace, sample_limit(sample))
    return trace


def decide_below(trace: Trace, limit: int) -> None:
    """Have `trace` be sampled if its id is below `limit`, and else not.

    The decision depends on the trace id alone, so that routers that are given one rate agree.
    """
    trace.flags = (trace.flags & ~SAMPLED) | SAMPLING_KNOWN | (SAMPLED if trace.trace_id < limit else 0)


def decision(flags: int) -> bool | None:
    """Whether a trace with these flags is recorded; None where nobody has decided that."""
    return bool(flags & (SAMPLED | DEBUG)) if flags & (SAMPLING_KNOWN | DEBUG) else None


def sample_limit(rate: float) -> int:
    """Trace ids below it are the share `rate` of all; an int, as a float has too few digits to compare ids with."""
    return int(rate * (_MASK + 1))


def child(trace: Trace) -> Trace:
    """The next span of `trace`."""
    return trace.child(new_span_id())


def new_span_id() -> int:
    """The id of a new span: never 0, which is none."""
    return getrandbits(64) or 1


def child_fields(trace: Trace) -> bytes:
    """Field lines for a request that is the next span of `trace`."""
    data = _WORDS.pack(getrandbits(64), trace.span_id, trace.trace_id, trace.flags)
    request_id = hexlify(data[16:24])
    if trace.trace_id_high is not None:
        data += _WORD.pack(trace.trace_id_high)
    return b"l5d-ctx-trace: %b\r\nl5d-reqid: %b\r\n" % (b2a_base64(data, newline=False), request_id)
