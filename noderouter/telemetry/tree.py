"""The tree of all metrics, and the scopes through which the parts of the router get theirs.

    rt/<label>/server/<ip>/<port>/...
    rt/<label>/service/<logical name>/...
    rt/<label>/client/<client id>/...
    rt/<label>/client/<client id>/service/<logical name>/...

An element may hold slashes (`0.0.0.0/4140`, `svc/foo`): it is one node. A node may carry a metric and children.

Invariants:
- Only (client, service) pairs, services and servers are recorded; what stands at a client is the sum over its
  pairs, made when it is read. A pair that is pruned leaves its totals with its client, so no sum goes back.
- Names that come from requests are bounded per router: at most `limit` services, clients, and pairs; what comes
  later shares the node `other`, and `telemetry/overflow` counts how often.
- Whoever evicts a service, client or pair prunes it here.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from noderouter.telemetry.gone import Gone
from noderouter.telemetry.histogram import LATENCY, Histogram, Scale
from noderouter.telemetry.history import History, Slot, merged
from noderouter.telemetry.metrics import Counter, Gauge, RequestStats, Tally
from noderouter.telemetry.place import BOUNDED, Bounds, Role, role_below
from noderouter.telemetry.sample import Kind, Sample, of_requests

LIMIT: Final = 2000
"""The default of `metrics.maxNames`: distinct services, clients and (client, service) pairs of a router."""
OTHER: Final = "other"

M = TypeVar("M", Counter, Gauge, Tally, Histogram)


class Scope:
    """A node of the tree. Made by `MetricsTree` and by other scopes."""

    __slots__ = (
        "_bounds",
        "_children",
        "_gone",
        "_metric",
        "_parent",
        "_retired",
        "_role",
        "_shared",
        "_stats",
        "name",
    )

    def __init__(self, name: str, role: Role, parent: "Scope | None", bounds: Bounds | None) -> None:
        self.name = name
        self._role = role
        self._parent = parent
        self._bounds = bounds
        self._children: dict[str, Scope] = {}
        self._metric: Counter | Gauge | Histogram | None = None
        self._stats: RequestStats | None = None
        self._retired: RequestStats | None = None
        self._gone: Gone | None = None
        self._shared = False

    def __repr__(self) -> str:
        return f"<Scope {'/'.join(self.path) or '(root)'} children={len(self._children)}>"

    @property
    def path(self) -> tuple[str, ...]:
        """The elements from the root."""
        return () if self._parent is None else (*self._parent.path, self.name)

    # For readers who know what they want; none of them makes anything.

    @property
    def children(self) -> "list[tuple[str, Scope]]":
        """The nodes below this one, by name; a new list, which may be walked with rests."""
        return list(self._children.items())

    @property
    def metric(self) -> Counter | Gauge | Histogram | None:
        """The metric of this very node."""
        return self._metric

    @property
    def stats(self) -> RequestStats | None:
        """The requests that were recorded here, which for a client is nearly none: see `retired`, and its pairs."""
        return self._stats

    @property
    def retired(self) -> RequestStats | None:
        """Of a client: what its pairs that were pruned had."""
        return self._retired

    @property
    def gone(self) -> Gone | None:
        """Of the node `service`, `client` of a router: what those below that were pruned had."""
        return self._gone

    def child(self, *names: str) -> "Scope | None":
        """Return the node below this one, None where there is none."""
        node: Scope | None = self
        for name in names:
            node = None if node is None else node._children.get(name)
        return node

    def scope(self, *names: str) -> "Scope":
        """Return the node below this one, made where it is missing; each name is one element, slashes and all."""
        node = self
        for name in names:
            node = node._children.get(name) or node._make(name)
        return node

    def counter(self, name: str) -> Counter:
        """Return the counter of that name; slashes in it separate elements (as in those below)."""
        return self._metric_at(name, Counter, Counter)

    def gauge(self, name: str, read: Callable[[], float]) -> Gauge:
        """Register `read` as the gauge of that name, in place of the one before."""
        gauge = self._metric_at(name, Gauge, lambda: Gauge(read))
        gauge.read = read
        return gauge

    def tally(self, name: str, read: Callable[[], int]) -> Tally:
        """Register `read` as the counter of that name, which is kept elsewhere as a plain number."""
        tally = self._metric_at(name, Tally, lambda: Tally(read))
        tally.read = read
        return tally

    def histogram(self, name: str, scale: Scale = LATENCY) -> Histogram:
        """Return the histogram of that name."""
        return self._metric_at(name, Histogram, lambda: Histogram(scale))

    def requests(self) -> RequestStats:
        """Return the statistics of the requests of this server, service or (client, service) pair."""
        if self._stats is None:
            self._stats = RequestStats()
        return self._stats

    def prune(self) -> None:
        """Take this node and all below it out of the tree; what was handed out may still be written to.

        The shared node `other` and the root stay.
        """
        parent = self._parent
        if self._shared or parent is None or parent._children.get(self.name) is not self:
            return
        del parent._children[self.name]
        client = parent._parent
        if self._role is Role.PAIR and self._stats is not None and client is not None:
            client._retire(self._stats)
        elif self._role in (Role.SERVICE, Role.CLIENT):
            parent._gone = parent._gone or Gone()
            parent._gone.add(self._sum())
        self._give_back()

    def number(self, *names: str) -> float | None:
        """Return the counter or gauge at the node of those names; None where there is none."""
        node = self.child(*names)
        metric = None if node is None else node._metric
        if isinstance(metric, Counter):
            return metric.value
        return metric.read() if isinstance(metric, Gauge) else None

    def samples(self, path: tuple[str, ...] = ()) -> Iterator[Sample]:
        """Yield everything at and below this node, depth first, with paths below `path`.

        The tree may change while this is half-way: what came or went meanwhile may or may not be seen.
        """
        metric = self._metric
        if isinstance(metric, Histogram):
            yield Sample(path, Kind.HISTOGRAM, metric)
        elif isinstance(metric, Counter):
            yield Sample(path, Kind.COUNTER, metric.value)
        elif metric is not None:
            yield Sample(path, Kind.COUNTER if isinstance(metric, Tally) else Kind.GAUGE, metric.read())
        if self._role is Role.CLIENT:
            yield from self._client_samples(path)
            return
        yield from self.derived(path)
        for name, child in list(self._children.items()):
            yield from child.samples((*path, name))

    def _client_samples(self, path: tuple[str, ...]) -> Iterator[Sample]:
        """Yield those below a client, summing up its pairs on the way: all at once takes long where there are many."""
        total = RequestStats()
        for part in (self._stats, self._retired):
            if part is not None:
                total.absorb(part)
        for name, child in list(self._children.items()):
            for below, node in list(child._children.items()) if child._role is Role.PAIRS else ():
                yield from node.samples((*path, name, below))
                if node._stats is not None:
                    total.absorb(node._stats)
            if child._role is not Role.PAIRS:
                yield from child.samples((*path, name))
        yield from of_requests(total, path, whole=False)

    def derived(self, path: tuple[str, ...] = ()) -> Iterator[Sample]:
        """Yield what the request statistics of this very node amount to, with paths below `path`."""
        stats = self._sum() if self._role is Role.CLIENT else self._stats
        if stats is not None:
            yield from of_requests(stats, path, whole=self._role in (Role.SERVER, Role.SERVICE))

    def find(self, query: str) -> "tuple[Scope, str] | None":
        """Return the deepest node on the way to `query` (elements joined by slashes), and what is left of it."""
        for name, child in self._children.items():
            if query == name:
                return child, ""
            if query.startswith(name + "/"):
                found = child.find(query[len(name) + 1 :])
                if found is not None:
                    return found
        return (self, query) if self._stats is not None or self._role is Role.CLIENT else None

    def turn(self, *, ends_windows: bool) -> Iterator[None]:
        """Write a slot of every history at and below this node, and end the windows where told so; yield in between.

        Servers, services and clients have one each, from their first request on; pairs have none of their own.
        """
        if self._role is Role.CLIENT:
            yield from self._turn_client(ends_windows)
            return
        if isinstance(self._metric, Histogram) and ends_windows:
            self._metric.roll()
        if self._stats is not None:
            _write(self._stats, _turned(self._stats, ends_windows))
        yield
        for child in list(self._children.values()):
            yield from child.turn(ends_windows=ends_windows)

    def _turn_client(self, ends_windows: bool) -> Iterator[None]:
        """Turn a client and what is below it; its history is the sum over its pairs, present and past.

        Each part tells its own difference in one go, so that one that is retired half-way is neither missed nor
        counted twice.
        """
        slots = [_turned(part, ends_windows) for part in (self._stats, self._retired) if part is not None]
        for child in list(self._children.values()):
            if child._role is not Role.PAIRS:
                yield from child.turn(ends_windows=ends_windows)
                continue
            for pair in list(child._children.values()):
                if child._children.get(pair.name) is not pair:
                    continue  # retired meanwhile, which has taken along what was not told yet
                if pair._stats is not None:
                    slots.append(_turned(pair._stats, ends_windows))
                yield
                for below in list(pair._children.values()):
                    yield from below.turn(ends_windows=ends_windows)
        whole = merged(slots)
        if whole.requests or self._stats is not None:
            _write(self.requests(), whole)
        yield

    def _make(self, name: str) -> "Scope":
        """Make a new child, or return the shared one where there are too many."""
        role = role_below(self._role, name)
        bounds = self._bounds
        if role is Role.ROUTER and bounds is not None:
            bounds = Bounds(bounds.limit, bounds.overflow)
        elif role in BOUNDED and bounds is not None:
            if bounds.used[role] >= bounds.limit:
                return self._make_shared(role, bounds)
            bounds.used[role] += 1
        child = self._children[name] = Scope(name, role, self, bounds)
        return child

    def _make_shared(self, role: Role, bounds: Bounds) -> "Scope":
        bounds.overflow.add()
        child = self._children.get(OTHER)
        if child is None:
            child = self._children[OTHER] = Scope(OTHER, role, self, bounds)
        child._shared = True
        return child

    def _give_back(self) -> None:
        """Free the places that this node and those below it take, and take them apart: no cycle is left to collect."""
        if self._role in BOUNDED and self._bounds is not None and not self._shared:
            self._bounds.used[self._role] -= 1
        for child in self._children.values():
            child._give_back()
        self._children.clear()

    def _retire(self, stats: RequestStats) -> None:
        """Keep the totals of a pair that is gone; its windows still end with the others."""
        if self._retired is None:
            self._retired = RequestStats()
        self._retired.inherit(stats)
        self._retired.pending = 0

    def _sum(self) -> RequestStats:
        """Return the requests of a client: those of its pairs, present and past."""
        pairs = self._children.get("service")
        parts = [] if pairs is None else [pair._stats for pair in pairs._children.values()]
        total = RequestStats()
        for part in (self._stats, self._retired, *parts):
            if part is not None:
                total.absorb(part)
        total.history = None if self._stats is None else self._stats.history
        return total

    def _metric_at(self, name: str, kind: type[M], make: Callable[[], M]) -> M:
        node = self.scope(*name.split("/"))
        if node._metric is None:
            node._metric = make()
        if type(node._metric) is not kind:
            raise TypeError(f"{'/'.join(node.path)} is a {type(node._metric).__name__}, not a {kind.__name__}")
        return node._metric


def _turned(stats: RequestStats, ends_windows: bool) -> Slot:
    slot = stats.slot()
    if ends_windows:
        stats.roll()
    return slot


def _write(stats: RequestStats, slot: Slot) -> None:
    """Write a slot of the history, which begins with the first request."""
    if stats.history is None:
        if not slot.requests:
            return
        stats.history = History()
    stats.history.write(slot)


class MetricsTree(Scope):
    """The root. One per process."""

    __slots__ = ()

    def __init__(self, limit: int = LIMIT) -> None:
        """`limit` is for distinct services, clients and pairs of each router."""
        super().__init__("", Role.ROOT, None, None)
        self._bounds = Bounds(limit, self.counter("telemetry/overflow"))
