"""What the hot path counts with: counters, gauges, and everything about requests in one call.

One `RequestStats` per server, per service and per (client, service). A finished request costs one `record` on each;
totals, success, status classes and latencies are derived when somebody reads. The objects are handed out by
`telemetry.tree`, which also names them.

Counting is not a filter of its own: a frame costs more than the counting, so it is done by the filter that sees the
outcome at each level anyway (`ErrorReply`, `Retry`, the client).
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from noderouter.core.errors import ClientGone
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.reactor.errors import Expired
from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.histogram import LATENCY, Histogram
from noderouter.telemetry.history import EMPTY, SECONDS, SLOTS, History, Slot, slot_between

STATUS_LIMIT: Final = 64
"""Distinct status codes per object; an endpoint that invents codes is counted under `other`."""
EXCEPTION_LIMIT: Final = 64
"""Distinct exception names per object; the rest is counted under `other`."""
OTHER_STATUS: Final = 0
OTHER_EXCEPTION: Final = "other"

_EDGES: Final = [LATENCY.bounds[edge] for edge in LATENCY.edges]


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def __repr__(self) -> str:
        return f"<Counter {self.value}>"

    def add(self, n: int = 1) -> None:
        """Add `n`."""
        self.value += n


class Gauge:
    """A number that is computed when it is read; `read` must be quick and must not fail."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], float]) -> None:
        self.read = read


class Tally(Gauge):
    """A counter that is kept elsewhere, as a plain number; `read` returns it, and it only grows."""

    __slots__ = ()


class _Status:
    """One status code: how often, and the latencies of its class (shared by the codes of the class)."""

    __slots__ = ("code", "count", "latency")

    def __init__(self, code: int, latency: Histogram) -> None:
        self.code = code
        self.count = 0
        self.latency = latency


def failure_name(error: BaseException) -> str:
    """Return the name a failure is counted under: of the reason, where a task was interrupted for one."""
    if isinstance(error, Expired):
        return "DeadlineExceeded"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ClientGone):
        return "ClientGone"
    return type(reason if isinstance(reason, BaseException) else error).__name__


class RequestStats:
    """The requests of one server, service, or service of a client.

    `pending` is public: the filter that owns this object adds and subtracts 1.
    """

    __slots__ = (
        "_classes",
        "_error_latency",
        "_failures",
        "_last",
        "_seen",
        "_seen_failures",
        "_seen_requests",
        "_statuses",
        "exceptions",
        "exemplars",
        "history",
        "pending",
    )

    def __init__(self) -> None:
        self.pending = 0
        self.exceptions: dict[str, int] = {}
        """How often `failed` was called, by name."""
        self._failures = 0
        self._statuses: dict[int, _Status] = {}
        self._last: _Status | None = None
        """Of the last request: most have the status of the one before."""
        self._classes: dict[int, Histogram] = {}
        self._error_latency: Histogram | None = None
        self.exemplars: dict[int, Exemplar] | None = None
        """The last sampled request of each bucket that `totals` shows, by its place; None where none was sampled."""
        self.history: History | None = None
        """The last ten minutes; None before the first turn behind a request, and of what has none (see `tree`)."""
        self._seen: array[int] | None = None
        """The buckets of the window that goes on, as they were at the last `slot`; None where all were empty."""
        self._seen_requests = 0
        self._seen_failures = 0

    def __repr__(self) -> str:
        return f"<RequestStats requests={self.requests} failures={self.failures} pending={self.pending}>"

    def record(self, exchange: Exchange, error: BaseException | None, seconds: float) -> None:
        """Count a request that is over: by what it ended in, if it has no response, else as it was judged."""
        if error is not None:
            self.failed(failure_name(error), seconds)
        elif exchange.response is not None:
            self.answered(exchange.response.status, seconds, exchange.verdict is SUCCESS)

    def answered(self, status: int, seconds: float, success: bool) -> None:
        """Count a request that was answered; `success` is the response classifier's verdict."""
        entry = self._last
        if entry is None or entry.code != status:
            entry = self._last = self._entry(status)
        entry.count += 1
        if not success:
            self._failures += 1
        entry.latency.add(seconds)

    def failed(self, exception_name: str, seconds: float) -> None:
        """Count a request that ended in an exception instead of a response.

        `a/b` means an exception `a` that was caused by a `b`: it counts for `a` and for `a/b`.
        """
        exceptions = self.exceptions
        if exception_name not in exceptions and len(exceptions) >= EXCEPTION_LIMIT:
            exception_name = OTHER_EXCEPTION
        exceptions[exception_name] = exceptions.get(exception_name, 0) + 1
        self._failures += 1
        if self._error_latency is None:
            self._error_latency = Histogram()
        self._error_latency.add(seconds)

    def _entry(self, status: int) -> _Status:
        """Return the entry of a status, and make it where it is a new one."""
        entry = self._statuses.get(status)
        if entry is not None:
            return entry
        if len(self._statuses) >= STATUS_LIMIT:
            status = OTHER_STATUS
            if status in self._statuses:
                return self._statuses[status]
        latency = self._classes.get(status // 100)
        if latency is None:
            latency = self._classes[status // 100] = Histogram()
        entry = self._statuses[status] = _Status(status, latency)
        return entry

    @property
    def errors(self) -> int:
        """The requests that ended in an exception."""
        return sum(self.exceptions.values())

    @property
    def requests(self) -> int:
        """The requests that have ended, in whatever way."""
        return sum(entry.count for entry in self._statuses.values()) + self.errors

    @property
    def failures(self) -> int:
        """The requests that failed: by the classifier's verdict, or by an exception."""
        return self._failures

    @property
    def success(self) -> int:
        """The requests that succeeded."""
        return self.requests - self._failures

    @property
    def statuses(self) -> dict[int, int]:
        """How often each status code was seen; `OTHER_STATUS` is what was too much."""
        return {status: entry.count for status, entry in self._statuses.items()}

    @property
    def classes(self) -> dict[int, Histogram]:
        """Latencies by the first digit of the status code."""
        return self._classes

    def latency(self) -> Histogram:
        """Latencies of all requests; a new object, for reading."""
        whole = Histogram()
        for part in self._parts():
            whole.absorb(part)
        return whole

    def totals(self) -> list[int]:
        """Return how many requests ever took up to each of `LATENCY.edges`, and how many there were in all."""
        totals = [0] * (len(LATENCY.edges) + 1)
        for part in self._parts():
            totals = list(map(int.__add__, totals, part.totals()))
        return totals

    def total_seconds(self) -> float:
        """Return the latencies of all requests together."""
        return sum([part.total_sum for part in self._parts()])

    def status_classes(self) -> dict[str, int]:
        """Return how many requests ended with each class of status, such as `2xx`; `error` is without a response."""
        classes: dict[str, int] = {}
        for status, entry in self._statuses.items():
            name = "other" if status == OTHER_STATUS else f"{status // 100}xx"
            classes[name] = classes.get(name, 0) + entry.count
        if self.exceptions:
            classes["error"] = self.errors
        return classes

    def exemplify(self, exemplar: Exemplar) -> None:
        """Show this request for its bucket; for those whose trace is sampled."""
        if self.exemplars is None:
            self.exemplars = {}
        self.exemplars[bisect_left(_EDGES, exemplar.seconds)] = exemplar

    def _parts(self) -> list[Histogram]:
        parts = list(self._classes.values())
        return parts if self._error_latency is None else [*parts, self._error_latency]

    def roll(self) -> None:
        """End the window of every latency histogram; `slot` first, or latencies are missing in histories."""
        for part in self._parts():
            part.roll()
        self._seen = None

    def slot(self) -> Slot:
        """Return what was counted since this was called last; for histories, each ten seconds."""
        requests = self.requests
        if requests == self._seen_requests:
            return EMPTY
        parts = self._parts()
        counts = parts[0].counts
        for part in parts[1:]:
            counts = [mine + theirs for mine, theirs in zip(counts, part.counts, strict=True)]
        slot = slot_between(counts, self._seen, min([part.low for part in parts]), max([part.high for part in parts]))
        slot.requests = requests - self._seen_requests
        slot.failures = self._failures - self._seen_failures
        self._seen = array("I", counts)
        self._seen_requests = requests
        self._seen_failures = self._failures
        return slot

    def lately(self) -> float:
        """Return the requests per second of the last ten minutes, or since the first one; of what has a history."""
        history = self.history
        slots = 0 if history is None else min(history.turns, SLOTS)
        requests = self.requests - self._seen_requests
        if history is not None:
            requests += sum(history.requests)
        return requests / (max(1, slots) * SECONDS)

    def inherit(self, other: "RequestStats") -> None:
        """Absorb one that is gone for good: what a `slot` of it has said already, one of this does not say again."""
        self.absorb(other)
        self._seen_requests += other._seen_requests
        self._seen_failures += other._seen_failures
        if other._seen is not None:
            seen = self._seen
            self._seen = other._seen if seen is None else array("I", map(int.__add__, seen, other._seen))

    def absorb(self, other: "RequestStats") -> None:
        """Add all that `other` holds, so that a sum over objects is an object too."""
        self.pending += other.pending
        self._failures += other._failures
        for name, count in other.exceptions.items():
            self.exceptions[name] = self.exceptions.get(name, 0) + count
        for digit, histogram in other._classes.items():
            self._classes.setdefault(digit, Histogram()).absorb(histogram)
        for status, entry in other._statuses.items():
            mine = self._statuses.get(status)
            if mine is None:
                mine = self._statuses[status] = _Status(status, self._classes[status // 100])
            mine.count += entry.count
        if other._error_latency is not None:
            if self._error_latency is None:
                self._error_latency = Histogram()
            self._error_latency.absorb(other._error_latency)
