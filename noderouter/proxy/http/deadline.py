"""Deadlines that travel with a request: `l5d-ctx-deadline` (docs/linkerd1.md sections 4.5 and 5.1).

The value is `<timestamp> <deadline>`, both in nanoseconds since the epoch: when the deadline was set and when it
passes. Several deadlines combine to the latest timestamp and the earliest deadline. Linkerd passed them on only;
here one that has passed is an error before any work is done.

A caller of gRPC says how long it waits (`grpc-timeout`). That is no moment but a span, so it is written anew for each
attempt: what is left of the deadline by then.
"""

import re
from time import time_ns
from typing import Final

from noderouter.core.context import Context, Deadline
from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import is_grpc, parse_timeout, show_timeout

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


def take_grpc_timeout(exchange: Exchange, now_ns: int | None = None) -> None:
    """Make a deadline of the `grpc-timeout` of a call, and take it out of the request.

    Raises:
        ValueError: it is malformed.
        DeadlineExceeded: it is 0.
    """
    values = exchange.headers.get_all(b"grpc-timeout")
    if not values or not is_grpc(exchange):
        return
    granted = min(map(parse_timeout, values))
    if granted == 0:
        raise DeadlineExceeded("the grpc-timeout of the request is 0; nothing was sent on")
    exchange.headers.remove(b"grpc-timeout")
    limit_deadline(exchange, granted / 1e9, now_ns)
    if exchange.context is not None:
        exchange.context.timed = True


def timeout_line(context: Context, now_ns: int | None = None) -> bytes:
    """The `grpc-timeout` of an attempt that begins now, as a field line; none without a deadline."""
    if context.deadline is None:
        return b""
    now = time_ns() if now_ns is None else now_ns
    return b"grpc-timeout: %b\r\n" % show_timeout(context.deadline.deadline_ns - now)


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
