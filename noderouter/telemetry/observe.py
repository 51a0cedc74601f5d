"""Shows a share of the requests to whoever wants to see them: telemeters (`io.l5d.recentRequests`, `io.l5d.tracelog`).

Path stack, right below `Propagate`, which has given the request its trace id; there only where an observer is
configured. Who sees a request is decided by its trace id, so that all routers on its way show the same requests. One
that nobody wants to see costs looking for that id and one comparison.
"""

from collections.abc import Awaitable, Sequence
from typing import Final, Protocol

from noderouter.core.context import Context, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.core.trace_context import DEBUG, SAMPLED, SAMPLING_KNOWN, parse_trace, sample_limit
from noderouter.reactor.errors import Unwind

_REQUEST_ID: Final = b"\r\nl5d-reqid: "
"""No value has a line end, so this is found in the line that `Propagate` wrote, and only there."""
_TRACE: Final = b"l5d-ctx-trace: "
_ABOVE_ALL: Final = b"g"
"""Ids are compared as they are written, in sixteen hexadecimal digits: this is above them all."""


class Observer(Protocol):
    """Receives requests that have ended."""

    limit: int
    """Trace ids below it are seen: `trace_context.sample_limit` of a rate."""
    heeds: bool
    """Whether a decision that came with the request counts, instead of `limit`."""

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Take a request of `router` that is over; `error` is why it has no response. Must be quick, and not fail."""
        ...


class Observe:
    """Reports requests at their end to the observers that want them."""

    __slots__ = ("_heeding", "_limit", "_observers", "_router", "_service")

    def __init__(self, service: Service, observers: Sequence[Observer], router: str) -> None:
        self._service = service
        self._observers = tuple(observers)
        self._router = router
        limit = max(each.limit for each in observers)
        self._limit = b"%016x" % limit if limit < 1 << 64 else _ABOVE_ALL
        self._heeding = any(each.heeds for each in observers)

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Serve the exchange; report it at its end where an observer wants it."""
        fields = exchange.request_fields
        at = fields.find(_REQUEST_ID)
        shown = fields[at + 13 : at + 29]
        context = exchange.context
        if shown >= self._limit and (context is None or not self._heeding):
            return self._service(exchange)
        trace_id = int(shown, 16)
        decision = None if context is None else decided(context)
        seeing = [
            each
            for each in self._observers
            if (trace_id < each.limit if decision is None or not each.heeds else decision)
        ]
        return self._observed(exchange, at, seeing) if seeing else self._service(exchange)

    async def _observed(self, exchange: Exchange, at: int, seeing: list[Observer]) -> None:
        fields = exchange.request_fields
        trace = parse_trace(fields[fields.rfind(_TRACE, 0, at) + len(_TRACE) : at])
        assert trace is not None, fields  # written by ourselves
        try:
            await self._service(exchange)
        except (Exception, Unwind) as error:
            for observer in seeing:
                observer.ended(exchange, self._router, trace, error)
            raise
        for observer in seeing:
            observer.ended(exchange, self._router, trace, None)


def decided(context: Context) -> bool | None:
    """Return whether a request is sampled, as far as a caller has decided that; None where none has."""
    trace = context.trace
    if context.sample is not None:
        return trace is None or trace.trace_id < sample_limit(context.sample)
    if trace is None or not trace.flags & (SAMPLING_KNOWN | DEBUG):
        return None
    return bool(trace.flags & (SAMPLED | DEBUG))
