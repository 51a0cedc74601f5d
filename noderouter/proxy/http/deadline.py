"""Deadlines that travel with a request: `l5d-ctx-deadline` (docs/linkerd1.md sections 4.5 and 5.1).

The value is `<timestamp> <deadline>`, both in nanoseconds since the epoch: when the deadline was set and when it
passes. Several deadlines combine to the latest timestamp and the earliest deadline. Linkerd passed them on only;
here one that has passed is an error before any work is done.
"""

import re
from time import time_ns
from typing import Final

from noderouter.core.context import Context, Deadline
from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Exchange

_DEADLINE: Final = re.compile(rb"([0-9]{1,19}) +([0-9]{1,19})")
_FOREVER: Final = (1 << 63) - 1
"""Finagle's end of time; nanoseconds are signed 64 bit there."""


def parse_deadline(value: bytes) -> Deadline | None:
    """Read `l5d-ctx-deadline`; None where it is not one (it is ignored then, as in Linkerd)."""
    found = _DEADLINE.fullmatch(value)
    if found is None:
        return None
    timestamp, deadline = int(found[1]), int(found[2])
    return Deadline(timestamp, deadline) if timestamp <= _FOREVER and deadline <= _FOREVER else None


def show_deadline(deadline: Deadline) -> bytes:
    """The value of `l5d-ctx-deadline`."""
    return b"%d %d" % (deadline.timestamp_ns, deadline.deadline_ns)


def combine(one: Deadline | None, other: Deadline | None) -> Deadline | None:
    """Both deadlines in one: the stricter."""
    if one is None or other is None:
        return one or other
    return Deadline(max(one.timestamp_ns, other.timestamp_ns), min(one.deadline_ns, other.deadline_ns))


def limit_deadline(exchange: Exchange, seconds: float, now_ns: int | None = None) -> None:
    """Let what `exchange` propagates pass in `seconds` at the latest: for a timeout of ours that has just begun."""
    now = time_ns() if now_ns is None else now_ns
    own = Deadline(now, min(now + int(min(seconds, 1e10) * 1e9), _FOREVER))
    if exchange.context is None:
        exchange.context = Context(deadline=own)
    else:
        exchange.context.deadline = combine(exchange.context.deadline, own)


def enforce(deadline: Deadline, now_ns: int) -> None:
    """Refuse what nobody waits for any more.

    Raises:
        DeadlineExceeded: `deadline` has passed.
    """
    late = now_ns - deadline.deadline_ns
    if late >= 0:
        raise DeadlineExceeded(
            f"the deadline of the request (l5d-ctx-deadline) passed {late // 1_000_000} ms before it arrived here;"
            " nothing was sent on"
        )
