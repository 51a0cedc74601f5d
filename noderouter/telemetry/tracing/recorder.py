"""Makes spans of what has ended: a server span for each request, a client span for each of its tries, one for a flow.

Names and attributes are those of OpenTelemetry's semantic conventions for HTTP (the stable ones), and
`noderouter.*` for what nobody else has. The query of a target is left out: what is secret in a target is there. No
value is longer than `recent.SHOWN` characters.

Whether a request is sampled has been decided at its beginning (`core.propagation.sampler`), and travels on. One
that fails may be recorded all the same (`failures`): the exchange itself keeps what is known of it until it is
over, so nothing is kept of those that end well.
"""

from collections.abc import Callable
from time import monotonic, time_ns
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.exchange import FAILURE, FLOWS, Exchange
from noderouter.core.journey import Attempt
from noderouter.core.propagation.sampler import Sampler
from noderouter.core.trace_context import decision, sample_limit
from noderouter.telemetry.metrics import failure_name
from noderouter.telemetry.observe import EVERYTHING
from noderouter.telemetry.recent import cut
from noderouter.telemetry.tracing.exemplars import Show
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.span import Attribute, Span, SpanKind

METHODS: Final = frozenset(b"CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split())
"""Others are `_OTHER`, so that no stranger invents names of spans."""
OFFSET_SECONDS: Final = 60.0
"""How long one reading of the wall clock holds."""
_SECOND_NS: Final = 1_000_000_000
_VERSIONS: Final = {10: "1.0", 11: "1.1"}


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

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Record an exchange that is over, unless it is one that only a failure would have made worth it."""
        failure = None if error is None else failure_name(error)
        if self.sampler.failures and not self._wanted(exchange, trace, failure):
            return
        if exchange.scheme in FLOWS:
            self.queue.put(self._flow(exchange, router, trace, failure))
            return
        self.queue.put(self._server(exchange, router, trace, failure))
        if self.shown is not None:
            self.shown(exchange, router, trace)
        for at, attempt in enumerate(exchange.journey or ()):
            if attempt.span_id:
                self.queue.put(self._client(exchange, router, trace, attempt, at))

    def _wanted(self, exchange: Exchange, trace: Trace, failure: str | None) -> bool:
        response = exchange.response
        if failure is not None or exchange.verdict is FAILURE or (response is not None and response.status >= 500):
            return True
        context = exchange.context
        if context is None or context.span is None:  # nobody was asked to decide
            return trace.trace_id < sample_limit(self.sampler.rate)
        return bool(decision(trace.flags))

    def _server(self, exchange: Exchange, router: str, trace: Trace, failure: str | None) -> Span:
        response = exchange.response
        status = 0 if response is None else response.status
        found = self._request(exchange)
        path = exchange.target.partition(b"?")[0]
        found += [("url.scheme", exchange.scheme.decode("latin-1")), ("url.path", cut(path.decode("latin-1")))]
        found += _peer("client.address", "client.port", exchange.peer_address)
        found += [("network.protocol.version", _VERSIONS.get(exchange.version, "1.1"))]
        agent = exchange.headers.get(b"user-agent")
        if agent is not None:
            found.append(("user_agent.original", cut(agent.decode("latin-1"))))
        found += _status(status, failure, 500)
        found += _ours(exchange, router)
        end = exchange.done_at or self._clock.now()
        wrong = failure or (str(status) if status >= 500 else None)
        times = self._times(exchange.started, end)
        name = _method(exchange.method)
        parent = 0 if trace.parent_id == trace.span_id else trace.parent_id
        ids = (trace.trace_id_high or 0, trace.trace_id, trace.span_id, parent)
        return Span(
            ids, SpanKind.SERVER, name, router, times, tuple(found), wrong, remote=parent != 0, state=trace.state
        )

    def _client(self, exchange: Exchange, router: str, trace: Trace, attempt: Attempt, at: int) -> Span:
        found = self._request(exchange)
        authority, path = exchange.authority or b"", exchange.target.partition(b"?")[0]
        url = b"%b://%b%b" % (exchange.scheme, authority, path if path.startswith(b"/") else b"")
        found.append(("url.full", cut(url.decode("latin-1"))))
        address = attempt.endpoint
        found += _peer("network.peer.address", "network.peer.port", (address.ip, address.port))
        if at:
            found.append(("http.request.resend_count", at))
        found.append(("noderouter.router", router))
        found += _status(attempt.status, attempt.error, 400)
        if attempt.client is not None:
            found.append(("noderouter.client", cut(attempt.client.show())))
        if attempt.connected > attempt.began:
            found.append(("noderouter.connect_us", round((attempt.connected - attempt.began) * 1e6)))
        wrong = attempt.error or (str(attempt.status) if attempt.status >= 400 else None)
        ids = (trace.trace_id_high or 0, trace.trace_id, attempt.span_id, trace.span_id)
        times = self._times(attempt.began, attempt.ended or self._clock.now())
        name = _method(exchange.method)
        return Span(ids, SpanKind.CLIENT, name, router, times, tuple(found), wrong, state=trace.state)

    def _flow(self, exchange: Exchange, router: str, trace: Trace, failure: str | None) -> Span:
        found: list[Attribute] = [("network.transport", "tcp"), *_origin(exchange.target)]
        found += _peer("client.address", "client.port", exchange.peer_address)
        if exchange.endpoint is not None:
            address = exchange.endpoint.address
            found += _peer("network.peer.address", "network.peer.port", (address.ip, address.port))
        if exchange.authority is not None:
            found.append(("tls.server_name", cut(exchange.authority.decode("latin-1"))))
        found.append(("noderouter.sent_bytes", exchange.reply.sent_bytes))
        if failure is not None:
            found.append(("error.type", failure))
        found += _ours(exchange, router)
        ids = (trace.trace_id_high or 0, trace.trace_id, trace.span_id, trace.parent_id)
        times = self._times(exchange.started, self._clock.now())
        return Span(ids, SpanKind.CLIENT, "flow", router, times, tuple(found), failure, state=trace.state)

    def _request(self, exchange: Exchange) -> list[Attribute]:
        """The attributes that both sides of a request have."""
        method = _method(exchange.method)
        found: list[Attribute] = [("http.request.method", method)]
        if method == OTHER:
            found.append(("http.request.method_original", cut(exchange.method.decode("latin-1"))))
        return found if exchange.authority is None else found + _origin(exchange.authority)

    def _times(self, began: float, ended: float) -> tuple[int, int]:
        self._clock.now()
        return self._clock.ns(began), self._clock.ns(max(began, ended))


OTHER: Final = "_OTHER"


def _method(method: bytes) -> str:
    return method.decode("ascii") if method in METHODS else OTHER


def _peer(address: str, port: str, value: tuple[str, int]) -> list[Attribute]:
    return [(address, value[0]), (port, value[1])] if value[0] else []


def _origin(authority: bytes) -> list[Attribute]:
    """Whom the client meant: the host, and the port where it is said."""
    host, port = split_authority(authority.decode("latin-1"))
    found: list[Attribute] = [("server.address", cut(host))] if host else []
    return found if port is None else [*found, ("server.port", port)]


def split_authority(authority: str) -> tuple[str, int | None]:
    """The host and the port of an authority, which may have none, or one that is no number."""
    host, colon, digits = authority.rpartition(":")
    if not colon or "]" in digits or not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return authority.strip("[]"), None
    return host.strip("[]"), int(digits)


def _status(status: int, failure: str | None, wrong: int) -> list[Attribute]:
    """What came of it; from the status `wrong` on it is an error."""
    found: list[Attribute] = [("http.response.status_code", status)] if status else []
    if failure is not None:
        found.append(("error.type", failure))
    elif status >= wrong:
        found.append(("error.type", str(status)))
    return found


def _ours(exchange: Exchange, router: str) -> list[Attribute]:
    """What only a router knows."""
    found: list[Attribute] = [("noderouter.router", router)]
    if exchange.name is not None:
        found.append(("noderouter.service", cut(exchange.name.show())))
    if exchange.client_id is not None:
        found.append(("noderouter.client", cut(exchange.client_id.show())))
    if exchange.attempts > 1:
        found.append(("noderouter.retries", exchange.attempts - 1))
    context = exchange.context
    if context is not None and context.local is not None and len(context.local):
        found.append(("noderouter.dtab.override", cut(context.local.show())))
    return found
