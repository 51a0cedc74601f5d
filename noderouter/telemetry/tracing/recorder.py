"""Makes spans of what has ended: a server span for each request, a client span for each of its tries, one for a flow.

Here only what they are made of is noted; the exporter's thread makes text of it (`attributes`).

Whether a request is sampled has been decided at its beginning (`core.propagation.sampler`), and travels on. One
that fails may be recorded all the same (`failures`): the exchange itself keeps what is known of it until it is
over, so nothing is kept of those that end well.
"""

from collections.abc import Callable
from functools import partial
from time import monotonic, time_ns
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.exchange import FLOWS, SUCCESS, Exchange
from noderouter.core.grpc import FAULTS, call_status, is_grpc
from noderouter.core.journey import Attempt
from noderouter.core.propagation.sampler import Sampler
from noderouter.core.trace_context import decision, sample_limit
from noderouter.telemetry.metrics import failure_name
from noderouter.telemetry.observe import EVERYTHING
from noderouter.telemetry.recent import cut
from noderouter.telemetry.tracing import attributes
from noderouter.telemetry.tracing.exemplars import Show
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.span import Span, SpanKind, Told
from noderouter.telemetry.tree import Scope

OFFSET_SECONDS: Final = 60.0
"""How long one reading of the wall clock holds."""
_SECOND_NS: Final = 1_000_000_000
_LONG: Final = 1024
"""Bytes of what a client sent that are kept: more than is shown, so that a span keeps no large request alive."""


class WallClock:
    """Turns readings of the monotonic clock into nanoseconds since the epoch."""

    __slots__ = ("_monotonic", "_offset_ns", "_stale", "_wall_ns")

    def __init__(self, wall_ns: Callable[[], int] = time_ns, steady: Callable[[], float] = monotonic) -> None:
        self._wall_ns = wall_ns
        self._monotonic = steady
        self._stale = -1.0
        self._offset_ns = 0

    def now(self) -> float:
        """Read the monotonic clock; and the other one, once a minute."""
        now = self._monotonic()
        if now >= self._stale:
            self._stale = now + OFFSET_SECONDS
            self._offset_ns = self._wall_ns() - int(now * _SECOND_NS)
        return now

    def ns(self, moment: float) -> int:
        """The time of day of a reading."""
        return int(moment * _SECOND_NS) + self._offset_ns


class SpanRecorder:
    """The observer that fills a queue; see `telemetry.observe.Observer`."""

    def __init__(self, sampler: Sampler, exporter: SpanExporter, clock: WallClock | None = None) -> None:
        """`exporter` empties the queue that this fills."""
        self.exporter = exporter
        self.sampler = sampler
        self.limit = EVERYTHING if sampler.failures else sample_limit(sampler.rate)
        self.heeds = not sampler.failures
        self.queue = exporter.queue
        self.shown: Show | None = None
        """Told of each request that was recorded, beside the queue."""
        self._clock = clock or WallClock()

    def gauges(self, scope: Scope) -> None:
        """Register what becomes of spans."""
        self.exporter.gauges(scope)

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Record an exchange that is over, unless it is one that only a failure would have made worth it."""
        failure = None if error is None else failure_name(error)
        if self.sampler.failures and not self._wanted(exchange, trace, failure):
            return
        if exchange.scheme in FLOWS:
            self.queue.put(self._flow(exchange, router, trace, failure))
            return
        now = self._clock.now()
        self.queue.put(self._server(exchange, router, trace, error, now))
        if self.shown is not None:
            self.shown(exchange, router, trace)
        for at, attempt in enumerate(exchange.journey or ()):
            if attempt.span_id:
                self.queue.put(self._client(exchange, router, trace, attempt, at, now))

    def _wanted(self, exchange: Exchange, trace: Trace, failure: str | None) -> bool:
        response = exchange.response
        verdict = exchange.verdict
        if failure is not None or verdict not in (None, SUCCESS) or (response is not None and response.status >= 500):
            return True
        context = exchange.context
        if context is None or context.span is None:  # nobody was asked to decide
            return trace.trace_id < sample_limit(self.sampler.rate)
        return bool(decision(trace.flags))

    def _server(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None, now: float) -> Span:
        failure = None if error is None else failure_name(error)
        response, agent = exchange.response, exchange.headers.get(b"user-agent")
        status = 0 if response is None else response.status
        told: Told = partial(
            attributes.server,
            exchange.method[:_LONG],
            _short(exchange.authority),
            exchange.scheme,
            exchange.target[:_LONG],
            exchange.peer_address,
            exchange.version,
            _short(agent),
            status,
            failure,
            router,
            exchange.name,
            exchange.client_id,
            exchange.attempts,
            _override(exchange),
        )
        wrong = failure or (str(status) if status >= 500 else None)
        if is_grpc(exchange):
            ended = call_status(exchange, error)
            wrong = wrong or (ended.name if ended in FAULTS else None)
            told = partial(attributes.call, told, exchange.target[:_LONG], ended, wrong)
        parent = trace.above
        ids = (trace.trace_id_high or 0, trace.trace_id, trace.span_id, parent)
        times = self._times(exchange.started, exchange.done_at or now)
        name = attributes.span_name(exchange.method)
        return Span(ids, SpanKind.SERVER, name, router, times, told, wrong, remote=parent != 0, state=trace.state)

    def _client(self, exchange: Exchange, router: str, trace: Trace, attempt: Attempt, at: int, now: float) -> Span:
        told: Told = partial(
            attributes.client,
            exchange.method[:_LONG],
            _short(exchange.authority),
            exchange.scheme,
            exchange.target[:_LONG],
            attempt.endpoint,
            at,
            router,
            attempt.status,
            attempt.error,
            attempt.client,
            attempt.connected - attempt.began,
        )
        wrong = attempt.error or (str(attempt.status) if attempt.status >= 400 else None)
        if is_grpc(exchange):
            wrong = wrong or (attempt.grpc.name if attempt.grpc else None)
            told = partial(attributes.call, told, exchange.target[:_LONG], attempt.grpc, wrong)
        ids = (trace.trace_id_high or 0, trace.trace_id, attempt.span_id, trace.span_id)
        times = self._times(attempt.began, attempt.ended or now)
        name = attributes.span_name(exchange.method)
        return Span(ids, SpanKind.CLIENT, name, router, times, told, wrong, state=trace.state)

    def _flow(self, exchange: Exchange, router: str, trace: Trace, failure: str | None) -> Span:
        told = partial(
            attributes.flow,
            exchange.target[:_LONG],
            exchange.peer_address,
            None if exchange.endpoint is None else exchange.endpoint.address,
            _short(exchange.authority),
            exchange.reply.sent_bytes,
            failure,
            router,
            exchange.name,
            exchange.client_id,
            exchange.attempts,
            _override(exchange),
        )
        ids = (trace.trace_id_high or 0, trace.trace_id, trace.span_id, trace.parent_id)
        times = self._times(exchange.started, self._clock.now())
        return Span(ids, SpanKind.CLIENT, "flow", router, times, told, failure, state=trace.state)

    def _times(self, began: float, ended: float) -> tuple[int, int]:
        """Return both in nanoseconds since the epoch; the clock has just been read."""
        return self._clock.ns(began), self._clock.ns(max(began, ended))


def _short(value: bytes | None) -> bytes | None:
    return value if value is None else value[:_LONG]


def _override(exchange: Exchange) -> str | None:
    context = exchange.context
    if context is None or context.local is None or not len(context.local):
        return None
    return cut(context.local.show())
