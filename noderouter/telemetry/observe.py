"""Shows requests and flows, at their end, to whoever wants to see them: the one seam between data path and onlookers.

    telemeters, spans, viewers, JSON log  →  Observers (who looks)  →  Observe (one for each router)  →  Watch

`ErrorReply` and `FlowStats`, which see how everything ends, ask `Observe.observers` for each exchange: while it is
empty that is the whole price; else they begin a `Watch`, and end it. Observers come and go at run time
(`Observers.add`, `remove`); an exchange is shown to those who were there when it began.

Who sees a request is decided at its end, by its trace id, so that all routers on its way show the same ones. One that
nobody wants to see costs looking for that id and one comparison.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from noderouter.core.context import Context, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.message import ErrorResponse
from noderouter.core.trace_context import child, decision, parse_trace, sample_limit, start

EVERYTHING: Final = sample_limit(1.0)
"""The `limit` of who wants to see everything."""

_REQUEST_ID: Final = b"\r\nl5d-reqid: "
"""No value has a line end, so this is found in the line that `Propagate` wrote, and only there."""
_TRACE: Final = b"l5d-ctx-trace: "
_ABOVE_ALL: Final = b"g"
"""Ids are compared as they are written, in sixteen hexadecimal digits: this is above them all."""


class Observer(Protocol):
    """Receives requests that have ended.

    It may have two things more. `journeys = True`: it wants `Exchange.journey` to be kept. A method
    `begins(exchange, router)`, as quick as `ended`: it is told of each exchange before anything has been done with it,
    whatever `limit` says.
    """

    limit: int
    """Trace ids below it are seen: `trace_context.sample_limit` of a rate."""
    heeds: bool
    """Whether a decision that came with the request counts, instead of `limit`."""

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Take an exchange of `router` that is over; `error` is what it failed with, answered or not.

        Must be quick. `exchange.target` is again what the client has sent.
        """
        ...


class Observe:
    """The seam of one router. `observers` are those who look now."""

    __slots__ = ("_begins", "_heeding", "_journeys", "_limit", "_on_fault", "observers", "router")

    def __init__(self, router: str, on_fault: Callable[[BaseException], None] | None = None) -> None:
        """`on_fault` is told of an observer that failed; its request did not."""
        self.router = router
        self.observers: tuple[Observer, ...] = ()
        self._on_fault = on_fault
        self.show(())

    def show(self, observers: Iterable[Observer]) -> None:
        """Show what begins from now on to these."""
        self.observers = tuple(observers)
        limit = max((each.limit for each in self.observers), default=0)
        self._limit = b"%016x" % limit if limit < EVERYTHING else _ABOVE_ALL
        self._heeding = any(each.heeds for each in self.observers)
        self._journeys = any(getattr(each, "journeys", False) for each in self.observers)
        found: list[Any] = [getattr(each, "begins", None) for each in self.observers]
        self._begins = [begins for begins in found if begins is not None]

    def watch(self, exchange: Exchange) -> "Watch":
        """Begin to watch an exchange, before anything has been done with it."""
        if self._journeys:
            exchange.journey = []
        for begins in self._begins:
            try:
                begins(exchange, self.router)
            except Exception as fault:
                self.failed(fault)
        return Watch(self, exchange.target, self.observers, self._limit, self._heeding)

    def failed(self, fault: Exception) -> None:
        """An observer has failed: who looks must not harm who is looked at."""
        if self._on_fault is not None:
            self._on_fault(fault)


class Watch:
    """One exchange that is watched, by those who looked when it began."""

    __slots__ = ("_heeding", "_limit", "_observers", "_seam", "_target")

    def __init__(
        self, seam: Observe, target: bytes, observers: tuple[Observer, ...], limit: bytes, heeding: bool
    ) -> None:
        """See `Observe.watch`."""
        self._seam = seam
        self._target = target
        self._observers = observers
        self._limit = limit
        self._heeding = heeding

    def over(self, exchange: Exchange, error: BaseException | None) -> None:
        """Show the exchange to those who want it; `error` ended it, if it was not answered."""
        exchange.target = self._target  # an identifier may have taken a part of it away
        response = exchange.response
        if error is None and isinstance(response, ErrorResponse):
            error = response.cause
        fields, context = exchange.request_fields, exchange.context
        at = fields.find(_REQUEST_ID)
        if at >= 0 and fields[at + 13 : at + 29] >= self._limit and (context is None or not self._heeding):
            return
        trace = trace_of(exchange)
        decision = None if context is None else decided(context)
        for each in self._observers:
            if trace.trace_id < each.limit if decision is None or not each.heeds else decision:
                try:
                    each.ended(exchange, self._seam.router, trace, error)
                except Exception as fault:
                    self._seam.failed(fault)


class Observers:
    """Who looks at the requests of this process, and the seams of its routers.

    Attributes:
        faults: how often an observer failed.
    """

    def __init__(self, always: Iterable[Observer] = (), log: Callable[[BaseException], None] | None = None) -> None:
        """`always` are there from the start; `log` is told the first fault of each kind."""
        self.faults = 0
        self._log = log
        self._known: set[str] = set()
        self._all: list[tuple[Observer, str | None]] = [(each, None) for each in always]
        self._seams: dict[str, Observe] = {}

    def __repr__(self) -> str:
        return f"<Observers {self.names()}>"

    def names(self) -> list[str]:
        """What they are."""
        return [type(each).__name__ for each, _ in self._all]

    def of(self, router: str) -> Observe:
        """Return the seam of a router, by its label."""
        seam = self._seams.get(router)
        if seam is None:
            seam = self._seams[router] = Observe(router, self._fault)
            self._tell(seam)
        return seam

    def add(self, observer: Observer, router: str | None = None) -> None:
        """Show what begins from now on to `observer`, too: of one router, or of all."""
        self._all.append((observer, router))
        self._tell_all()

    def remove(self, observer: Observer) -> None:
        """Show `observer` nothing more of what begins; it is still told of the ends of what has begun before."""
        self._all = [entry for entry in self._all if entry[0] is not observer]
        self._tell_all()

    def _tell_all(self) -> None:
        for seam in self._seams.values():
            self._tell(seam)

    def _tell(self, seam: Observe) -> None:
        seam.show([each for each, router in self._all if router is None or router == seam.router])

    def _fault(self, fault: BaseException) -> None:
        self.faults += 1
        name = type(fault).__name__
        if self._log is not None and name not in self._known and len(self._known) < 16:
            self._known.add(name)
            self._log(fault)


def trace_of(exchange: Exchange) -> Trace:
    """Return the trace ids of an exchange: those that the next hop is told.

    What ended before there were any (it had no name, or was refused) gets the ones that it would have had.
    """
    context = exchange.context
    if context is not None and context.span is not None:
        return context.span
    fields = exchange.request_fields
    at = fields.find(_REQUEST_ID)
    if at < 0:
        return start() if context is None or context.trace is None else child(context.trace)
    trace = parse_trace(fields[fields.rfind(_TRACE, 0, at) + len(_TRACE) : at])
    assert trace is not None, fields  # written by ourselves
    return trace


def decided(context: Context) -> bool | None:
    """Return whether a request is sampled, as far as a caller has decided that; None where none has."""
    trace = context.trace
    if context.sample is not None:
        return trace is None or trace.trace_id < sample_limit(context.sample)
    return None if trace is None else decision(trace.flags)
