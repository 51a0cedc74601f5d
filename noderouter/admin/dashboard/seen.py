"""What a router is at one moment, as plain values: what the views tell, and the rules judge (`verdict`).

Figures are of the last 60 s and None where there were no requests; lines are of the last ten minutes in 60 slots of
10 s, the oldest first. Latencies are in milliseconds, success in percent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from noderouter.naming.interpreter.whatif import Moved

SLOTS: Final = 60
"""Of a line: ten minutes."""
WINDOW_SLOTS: Final = 6
"""Slots of the last 60 s."""

Values = tuple[float | None, ...]


class Window(Protocol):
    """The requests that ended in the last so many seconds; latencies in ms, None where nothing ended."""

    @property
    def requests(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def p50(self) -> float | None: ...
    @property
    def p95(self) -> float | None: ...
    @property
    def p99(self) -> float | None: ...


class Slots(Protocol):
    """What ended in each slot of 10 s, the oldest first."""

    @property
    def requests(self) -> Sequence[int]: ...
    @property
    def failures(self) -> Sequence[int]: ...
    @property
    def p50(self) -> Sequence[float | None]: ...
    @property
    def p95(self) -> Sequence[float | None]: ...
    @property
    def p99(self) -> Sequence[float | None]: ...


class History(Protocol):
    """The last ten minutes of a server, service or client: `RequestStats.history`."""

    def last(self, seconds: float = 60.0) -> Window:
        """Sum up the last so many seconds, in whole slots."""
        ...

    def lines(self) -> Slots:
        """Return all slots."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """The last 60 s."""

    requests: int = 0
    failures: int = 0
    rate: float = 0.0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def success(self) -> float | None:
        """Percent that succeeded."""
        return 100.0 * (self.requests - self.failures) / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Course:
    """The last ten minutes: requests a second, percent that failed, and latencies."""

    rate: Values = ()
    failures: Values = ()
    p50: Values = ()
    p95: Values = ()
    p99: Values = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure at an endpoint. `when` is by the wall clock, `what` a status or the name of an error."""

    when: float
    what: str
    request: str
    """Method and path, without the query."""
    service: str
    ms: float


class Endpoint(NamedTuple):
    """One instance, as its client sees it. `mean_ms` is of all that ended there in the last 60 s.

    There are thousands, made anew for each look: a frozen dataclass takes six times as long.
    """

    address: str
    client: str
    router: str
    figures: Figures = Figures()
    mean_ms: float | None = None
    pending: int = 0
    load: float = 0.0
    connections: int = 0
    pod: str = ""
    node: str = ""
    out: str = ""
    """Why it gets no requests: `ejected`, `probing`, `down`; empty where it gets them."""
    back_in: float = 0.0
    """Seconds until it is tried again."""
    ejections: int = 0
    errors: tuple[Failure, ...] = ()
    """The last few, the newest first."""

    @property
    def key(self) -> str:
        """What it is known by: two clients may have the same address."""
        return f"{self.address} {self.client}"


@dataclass(frozen=True)
class Client:
    """What sends to one bound name. `trouble` is why it has no endpoints, where it has none."""

    name: str
    router: str
    endpoints: tuple[Endpoint, ...] = ()
    figures: Figures = Figures()
    balancer: str = ""
    accrual: str = ""
    trouble: str = ""

    @property
    def serving(self) -> int:
        """Endpoints that get requests."""
        return sum(not each.out for each in self.endpoints)

    @cached_property
    def means(self) -> list[float]:
        """The `mean_ms` of its endpoints, as far as they are known, sorted."""
        return sorted(each.mean_ms for each in self.endpoints if each.mean_ms is not None)


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a share of a name's requests goes, and how it went there."""

    client: str
    share: float
    figures: Figures = Figures()


@dataclass(frozen=True, slots=True)
class Service:
    """One logical name. `retries` are for each second, None before two looks; `budget` is how many more may be sent."""

    name: str
    router: str
    figures: Figures = Figures()
    lines: Callable[[], Course] = Course
    pending: int = 0
    retries: float | None = None
    budget: float | None = None
    branches: tuple[Branch, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    """What requests ended in instead of a response, ever, by name."""
    refused: float = 0.0
    """Requests that its limit on requests at a time has refused, ever."""
    usual: float | None = None
    """The median p99 before the last 60 s, where it is known without the lines."""

    @property
    def course(self) -> Course:
        """The last ten minutes; made when somebody asks, since most services are not drawn."""
        return self.lines()


@dataclass(frozen=True, slots=True)
class Router:
    """One router: all its servers together. Of several servers the highest percentile counts."""

    label: str
    listens: tuple[str, ...] = ()
    figures: Figures = Figures()
    course: Course = Course()
    pending: int = 0
    connections: int = 0
    retries: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch of Kubernetes; `age` in seconds since its last word, -1 where there was none."""

    name: str
    streaming: bool
    age: float
    failing_seconds: float = 0.0
    events: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """The stored dtab of a router. `error` is why the newest text is not in force."""

    router: str
    place: str
    hash: str | None
    entries: int
    applied_at: float
    error: str = ""
    moved: Moved | None = None
    """What its last edit did to requests, where that is known."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Interception: whether pods' connections come here, and whose do not."""

    armed: bool
    why: str
    backend: str
    pods: int
    left_out: tuple[tuple[str, str], ...]
    probe_ms: float | None
    probe_error: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that is bounded."""

    name: str
    used: float
    most: float
    then: str


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls whom: the requests of one source to one service in the last 60 s."""

    source: str
    service: str
    router: str
    rate: float
    success: float | None
    requests: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Seen:
    """A whole router process; `at` is by the wall clock."""

    at: float
    ready: bool
    reasons: tuple[str, ...]
    routers: tuple[Router, ...] = ()
    services: tuple[Service, ...] = ()
    clients: tuple[Client, ...] = ()
    watches: tuple[Watch, ...] = ()
    tables: tuple[Table, ...] = ()
    capture: Capture | None = None
    limits: tuple[Limit, ...] = ()
    calls: tuple[Call, ...] = ()
    process: str = ""
    shedding: float = 0.0
    """The share of new requests that is refused."""

    @property
    def endpoints(self) -> int:
        """How many there are."""
        return sum(len(each.endpoints) for each in self.clients)

    def service(self, name: str, router: str | None = None) -> Service | None:
        """Return the service of that name; of the first router that has one, where none is named."""
        found = self._services.get(name, ())
        return next((each for each in found if router in (None, "", each.router)), None)

    def clients_of(self, service: Service) -> list[Client]:
        """Return the clients that a service leads to."""
        found = (self._clients.get((service.router, branch.client)) for branch in service.branches)
        return [each for each in found if each is not None]

    def users(self, client: Client) -> list[Service]:
        """Return the services that lead to a client."""
        return self._users.get((client.router, client.name), [])

    def asked(self, service: Service) -> Figures:
        """Return the requests for a service as its callers see them, wherever they failed; without latencies."""
        return self._asked.get((service.router, service.name), Figures())

    # A thousand services with a client each: none of this may be looked for one by one.

    @cached_property
    def _services(self) -> dict[str, list[Service]]:
        found: dict[str, list[Service]] = {}
        for each in self.services:
            found.setdefault(each.name, []).append(each)
        return found

    @cached_property
    def _asked(self) -> dict[tuple[str, str], Figures]:
        found: dict[tuple[str, str], Figures] = {}
        for each in self.calls:
            sum_ = found.get((each.router, each.service), Figures())
            found[each.router, each.service] = Figures(
                sum_.requests + each.requests, sum_.failures + each.failures, sum_.rate + each.rate
            )
        return found

    @cached_property
    def _clients(self) -> dict[tuple[str, str], Client]:
        return {(each.router, each.name): each for each in self.clients}

    @cached_property
    def _users(self) -> dict[tuple[str, str], list[Service]]:
        found: dict[tuple[str, str], list[Service]] = {}
        for each in self.services:
            for branch in each.branches:
                found.setdefault((each.router, branch.client), []).append(each)
        return found
