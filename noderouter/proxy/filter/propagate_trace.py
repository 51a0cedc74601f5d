"""Writes what travels on to the next hop, in place of `Propagate`, where the router takes part in traces.

The router's own span is below the one that came, and in `exchange.context.span`. A router that records no spans writes
none of its own in W3C's and Zipkin's formats, or the spans behind it would hang below one that nobody knows: those go
on with the span that came, and none is begun. `l5d-ctx-trace` has one span more for each router, as ever.
"""

from collections.abc import Awaitable

from noderouter.core.context import Context
from noderouter.core.exchange import FLOWS, Exchange
from noderouter.core.journey import Attempt
from noderouter.core.propagation.formats import Propagation
from noderouter.core.propagation.sampler import settle
from noderouter.core.service import Service
from noderouter.core.trace_context import child, decision, new_span_id
from noderouter.proxy.filter.propagate import carried_fields, other_fields


class PropagateTrace:
    """Appends context and carried fields to `exchange.request_fields`."""

    __slots__ = ("_failures", "_limit", "_propagation", "_service")

    def __init__(
        self, service: Service, propagation: Propagation, limit: int | None, *, failures: bool = False
    ) -> None:
        """`limit` is of the trace ids that are sampled if nobody has decided; None records no spans.

        `failures` records others as well, since they might fail.
        """
        self._service = service
        self._propagation = propagation
        self._limit = limit
        self._failures = failures

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Append, then go on."""
        context = exchange.context
        if context is None:
            context = exchange.context = Context()
        fields = self._trace_fields(exchange, context) + other_fields(context)
        if exchange.reserved is not None:
            fields += carried_fields(exchange.reserved)
        exchange.request_fields += fields
        return self._service(exchange)

    def _trace_fields(self, exchange: Exchange, context: Context) -> bytes:
        settle(context, self._limit)
        trace = context.trace
        assert trace is not None
        span = context.span = child(trace)
        if self._limit is None:
            return self._propagation.carry(span, trace, context.formats)
        if exchange.scheme not in FLOWS and (self._failures or decision(span.flags)):
            context.attempt_fields = self._attempt_fields
            if exchange.journey is None:
                exchange.journey = []
            return b""
        return self._propagation.write(span, context.formats)

    def _attempt_fields(self, context: Context, attempt: Attempt) -> bytes:
        """The lines of one attempt, which is a span of its own below the router's."""
        span = context.span
        assert span is not None
        attempt.span_id = new_span_id()
        return self._propagation.write(span.child(attempt.span_id), context.formats)
