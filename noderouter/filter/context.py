"""Reads what earlier routers and the client attached to a request (spec section 5.1), or drops it (5.6).

Server side, behind the error reply and before identification. Of the `l5d-*` fields, `l5d-ctx-deadline`,
`l5d-ctx-dtab`, `l5d-dtab`, `l5d-ctx-trace` and `l5d-sample` move from `exchange.special` into `exchange.context`.
All others stay where they are: identifiers may use them, and `propagate` sends them on.

`ClearContext` is for servers that face the internet: the one place where every `l5d-*` of a request is dropped.
The reply of such a server drops those of the response.
"""

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from time import time_ns
from typing import Final

from dtab import Dentry, Dtab, ParseError
from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.errors import RouterError
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.filter.deadline import combine, enforce, parse_deadline
from noderouter.filter.trace import parse_trace

MAX_DTAB_BYTES: Final = 8192
"""All dtabs of a request together; parsing holds up everybody else. Linkerd's default took 8 KB of head in all."""
MAX_DTAB_PIECES: Final = 128
"""Signs that separate parts of them, and fields they come in: what parsing costs. Some 64 dentries."""
_PIECES: Final = re.compile(rb"[=|&(;]")

_DEADLINE: Final = b"l5d-ctx-deadline"
_CTX_DTAB: Final = b"l5d-ctx-dtab"
_USER_DTAB: Final = b"l5d-dtab"
_TRACE: Final = b"l5d-ctx-trace"
_SAMPLE: Final = b"l5d-sample"
_CONSUMED: Final = frozenset((_DEADLINE, _CTX_DTAB, _USER_DTAB, _TRACE, _SAMPLE))

_NUMBER: Final = re.compile(rb"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?")


class BadContext(RouterError):
    """A context field of the request cannot be understood; nothing was sent on."""

    status = 400


class ReadContext:
    """Fills `exchange.context`; a request without special fields passes at the price of one test."""

    __slots__ = ("_clock_ns", "_service")

    def __init__(self, service: Service, clock_ns: Callable[[], int] = time_ns) -> None:
        self._service = service
        self._clock_ns = clock_ns

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Read, then go on.

        Raises:
            BadContext: a dtab does not parse, or is too long.
            DeadlineExceeded: nobody waits for the response any more.
        """
        if exchange.special is not None:
            self._read(exchange, exchange.special)
        return self._service(exchange)

    def _read(self, exchange: Exchange, special: tuple[tuple[bytes, bytes], ...]) -> None:
        rest = []
        context_dtabs: list[bytes] = []
        user_dtabs: list[bytes] = []
        deadline: Deadline | None = None
        trace: Trace | None = None
        sample: float | None = None
        for field in special:
            name, value = field
            if name not in _CONSUMED:
                rest.append(field)
            elif name == _TRACE:
                trace = trace or parse_trace(value)
            elif name == _DEADLINE:
                deadline = combine(deadline, parse_deadline(value))
            elif name == _CTX_DTAB:
                context_dtabs.append(value)
            elif name == _USER_DTAB:
                user_dtabs.append(value)
            elif sample is None:
                sample = parse_sample(value)
        if len(rest) == len(special):
            return
        exchange.special = tuple(rest) or None
        if deadline is not None:
            enforce(deadline, self._clock_ns())
        dtabs = context_dtabs + user_dtabs
        dtab = local_dtab(tuple(dtabs)) if dtabs else None
        exchange.context = Context(deadline, dtab or None, trace, sample)


class ClearContext:
    """Drops every `l5d-*` field of the request, instead of `ReadContext`."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Drop, then go on."""
        if exchange.special is not None:
            exchange.special = tuple(f for f in exchange.special if not f[0].startswith(b"l5d-")) or None
        return self._service(exchange)


def parse_sample(value: bytes) -> float | None:
    """Read `l5d-sample`, a rate that is brought into 0..1; None where it is no number."""
    if _NUMBER.fullmatch(value) is None:
        return None
    return min(max(float(value), 0.0), 1.0)


@lru_cache(maxsize=128)
def local_dtab(values: tuple[bytes, ...]) -> Dtab:
    """One dtab of several field values, later ones stronger.

    The same override comes with every request of a test run: the cache saves the parser and, as it answers the same
    object, everything further on that looks dtabs up.

    Raises:
        BadContext: one of them is wrong, or all are too long.
    """
    size = sum(map(len, values))
    if size > MAX_DTAB_BYTES:
        raise BadContext(f"the dtabs of the request are too long: {size} bytes, at most {MAX_DTAB_BYTES} are read")
    pieces = len(values) + sum(len(_PIECES.findall(value)) for value in values)
    if pieces > MAX_DTAB_PIECES:
        raise BadContext(
            f"the dtabs of the request have too many entries: {pieces} fields and signs (=> ; | & and parentheses)"
            f" together, at most {MAX_DTAB_PIECES} are read"
        )
    dentries: list[Dentry] = []
    try:
        for value in values:
            dentries += Dtab.parse(value.decode("latin-1"))
    except ParseError as error:
        raise BadContext(str(error)) from error
    return Dtab(dentries)  # in one part: a sum of many would have the router's own dtab indexed anew
