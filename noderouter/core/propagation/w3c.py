"""`traceparent` and `tracestate` (W3C Trace Context, Level 2).

`traceparent` is `version-trace id-parent id-flags`, in lower-case hexadecimal digits (section 3.2). There is one of
it: two are no context. A later version is read as far as this one goes, and written as this one (section 3.2.4).

`tracestate` is what others keep in the trace, `key=value` in a list (section 3.3). It counts only beside a good
`traceparent`, goes on as it came, and is dropped, it alone, where it breaks the grammar, repeats a key or has more
than 32 members. Of one that is longer than 512 bytes members over 128 bytes leave first, then the last ones
(section 3.3.1.5).
"""

import re
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.message import Reserved
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN

FIELDS: Final = frozenset((b"traceparent", b"tracestate"))

MAX_STATE_BYTES: Final = 512
MAX_STATE_MEMBERS: Final = 32
LONG_MEMBER_BYTES: Final = 128

_WORD: Final = rb"([0-9a-f]{16})"
_PARENT: Final = re.compile(rb"([0-9a-f]{2})-%b%b-%b-([0-9a-f]{2})(-.*)?" % (_WORD, _WORD, _WORD), re.DOTALL)
_MEMBER: Final = re.compile(
    rb"([a-z0-9][a-z0-9_\-*/@]{0,255})="
    rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_SAMPLED_FLAG: Final = 1
_RANDOM_FLAG: Final = 2


def read(fields: Reserved) -> Trace | None:
    """See the folder."""
    parents = [value for name, value in fields if name == b"traceparent"]
    if len(parents) != 1:
        return None
    found = _PARENT.fullmatch(parents[0])
    if found is None:
        return None
    version, high, low, parent, digits, more = found.groups()
    trace_id, trace_id_high, span_id = int(low, 16), int(high, 16), int(parent, 16)
    if version == b"ff" or (version == b"00" and more is not None) or not span_id or not (trace_id or trace_id_high):
        return None
    bits = int(digits, 16)
    flags = SAMPLING_KNOWN | (SAMPLED if bits & _SAMPLED_FLAG else 0)
    state = read_state([value for name, value in fields if name == b"tracestate"])
    return Trace(trace_id, span_id, 0, flags, trace_id_high or None, state, bool(bits & _RANDOM_FLAG))


def read_state(values: list[bytes]) -> bytes:
    """Join the values of `tracestate`; b"" where there is nothing that can be kept."""
    members: list[bytes] = []
    keys: set[bytes] = set()
    for value in values:
        for part in value.split(b","):
            member = part.strip(b" \t")
            if not member:
                continue
            found = _MEMBER.fullmatch(member)
            if found is None or found[1] in keys or len(members) == MAX_STATE_MEMBERS:
                return b""
            keys.add(found[1])
            members.append(member)
    size = sum(map(len, members)) + len(members) - 1
    for at in range(len(members) - 1, -1, -1):
        if size > MAX_STATE_BYTES and len(members[at]) > LONG_MEMBER_BYTES:
            size -= len(members.pop(at)) + 1
    while size > MAX_STATE_BYTES:
        size -= len(members.pop()) + 1
    return b",".join(members)


def write(trace: Trace) -> bytes:
    """See the folder; without a span there is nothing that could be said."""
    if not trace.span_id:
        return b""
    bits = (_SAMPLED_FLAG if trace.flags & (SAMPLED | DEBUG) else 0) | (_RANDOM_FLAG if trace.random else 0)
    words = (trace.trace_id_high or 0, trace.trace_id, trace.span_id, bits)
    line = b"traceparent: 00-%016x%016x-%016x-%02x\r\n" % words
    return line + b"tracestate: %b\r\n" % trace.state if trace.state else line
