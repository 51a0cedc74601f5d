"""Reads what routers and the client attached to a request, or drops it (docs/linkerd1.md sections 5.1 and 5.6).

Server side, behind the error reply and before identification. Of the `l5d-*` fields, `l5d-ctx-deadline`,
`l5d-ctx-dtab`, `l5d-dtab`, `l5d-ctx-trace` and `l5d-sample` move from `exchange.reserved` into `exchange.context`.
All others stay where they are: identifiers may use them, and `propagate` sends them on.

What dtabs may say is in `overrides`: everybody can send them.

`ClearContext` is for servers that face the internet: the one place where every `l5d-*` of a request is dropped.
The reply of such a server drops those of the response.

Both make a deadline of the `grpc-timeout` of a call. They look for one where there are reserved fields, because every
call has one: `te`.
"""

import re
from collections.abc import Awaitable, Callable
from time import time_ns
from typing import Final

from noderouter.core.context import Context, Deadline, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.core.trace_context import parse_trace
from noderouter.proxy.filter.overrides import BadContext, OverrideRules
from noderouter.proxy.http.deadline import combine, enforce, parse_deadline, take_grpc_timeout

_DEADLINE: Final = b"l5d-ctx-deadline"
_CTX_DTAB: Final = b"l5d-ctx-dtab"
_USER_DTAB: Final = b"l5d-dtab"
_TRACE: Final = b"l5d-ctx-trace"
_SAMPLE: Final = b"l5d-sample"
_TIMEOUT: Final = b"grpc-timeout"
_CONSUMED: Final = frozenset((_DEADLINE, _CTX_DTAB, _USER_DTAB, _TRACE, _SAMPLE))

_NUMBER: Final = re.compile(rb"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?")


class ReadContext:
    """Fills `exchange.context`; a request without reserved fields passes at the price of one test."""

    __slots__ = ("_clock_ns", "_overrides", "_service")

    def __init__(self, service: Service, overrides: OverrideRules, clock_ns: Callable[[], int] = time_ns) -> None:
        self._service = service
        self._overrides = overrides
        self._clock_ns = clock_ns

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Read, then go on.

        Raises:
            BadContext: a dtab does not parse, is too long, or says what it may not; a time limit is none.
            DeadlineExceeded: nobody waits for the response any more.
        """
        if exchange.reserved is not None:
            self._read(exchange, exchange.reserved)
            if _TIMEOUT in exchange.block:
                read_timeout(exchange, self._clock_ns())
        return self._service(exchange)

    def _read(self, exchange: Exchange, reserved: tuple[tuple[bytes, bytes], ...]) -> None:
        rest = []
        context_dtabs: list[bytes] = []
        user_dtabs: list[bytes] = []
        deadline: Deadline | None = None
        trace: Trace | None = None
        sample: float | None = None
        for field in reserved:
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
        if len(rest) == len(reserved):
            return
        exchange.reserved = tuple(rest) or None
        if deadline is not None:
            enforce(deadline, self._clock_ns())
        captured = exchange.destination is not None
        found = self._overrides.read(
            tuple(context_dtabs), tuple(user_dtabs), exchange.peer_address[0], captured=captured
        )
        exchange.context = Context(deadline, found.onward or None, trace, sample, found.local or None)


class ClearContext:
    """Drops every `l5d-*` field of the request, instead of `ReadContext`."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Drop, then go on."""
        if exchange.reserved is not None:
            if _TIMEOUT in exchange.block:
                read_timeout(exchange, time_ns())
            exchange.reserved = tuple(f for f in exchange.reserved if not f[0].startswith(b"l5d-")) or None
        return self._service(exchange)


def read_timeout(exchange: Exchange, now_ns: int) -> None:
    """Make a deadline of `grpc-timeout`.

    Raises:
        BadContext: it is malformed.
        DeadlineExceeded: it is 0.
    """
    try:
        take_grpc_timeout(exchange, now_ns)
    except ValueError as error:
        raise BadContext(f"grpc-timeout is {error}") from None


def parse_sample(value: bytes) -> float | None:
    """Read `l5d-sample`, a rate that is brought into 0..1; None where it is no number."""
    if _NUMBER.fullmatch(value) is None:
        return None
    return min(max(float(value), 0.0), 1.0)
