"""Looks at a router: from what the admin interface knows of it to plain values (`seen`), and what is wrong with it.

Nothing is counted for this: figures come from the tree of metrics and its histories, endpoints from the routers. A look
at a thousand services takes some milliseconds of the thread that carries requests, so it is made in steps, and shared
by everybody who looks within two seconds.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from time import time
from typing import TYPE_CHECKING, Any, Final

import trio

from noderouter.admin.dashboard.seen import (
    Branch,
    Call,
    Capture,
    Client,
    Course,
    Figures,
    History,
    Limit,
    Router,
    Seen,
    Service,
    Table,
    Watch,
)
from noderouter.admin.dashboard.verdict import ranked, walk
from noderouter.admin.dashboard.view import Problem
from noderouter.admin.mesh.nodes import Mesh
from noderouter.core.background import Pace
from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.tree import LIMIT, OTHER, Scope

if TYPE_CHECKING:
    from noderouter.admin.state import AdminState

SHARED_SECONDS: Final = 2.0
"""How long one look is good for everybody."""
SAMPLE_SECONDS: Final = 10.0
SAMPLES: Final = 7
"""Totals of retries that are kept while somebody looks: a minute of them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and what is wrong with it; `mesh` where it is of many nodes (`admin.mesh`)."""

    seen: Seen
    problems: tuple[Problem, ...]
    mesh: Mesh | None = None


class Looker:
    """Makes looks, one at a time, and shares them."""

    def __init__(self, apart: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """`apart` is entered around the making of each look: thousands of values that live until the next one."""
        self.made = 0
        self._apart = apart
        self._turn = trio.Lock()
        self._last: Look | None = None
        self._until = 0.0
        self._retries: deque[tuple[float, dict[tuple[str, str], float]]] = deque(maxlen=SAMPLES)

    def __repr__(self) -> str:
        return f"<Looker made={self.made}>"

    async def look(self, state: "AdminState") -> Look:
        """Return how the router is: as it was seen less than two seconds ago, or seen anew."""
        async with self._turn:
            if self._last is None or trio.current_time() >= self._until:
                with self._apart():
                    self._last = await self._make(state)
                self._until = trio.current_time() + SHARED_SECONDS
                self.made += 1
            return self._last

    async def _make(self, state: "AdminState") -> Look:
        pace = Pace()
        routers: list[Router] = []
        services: list[Service] = []
        clients: list[Client] = []
        totals: dict[tuple[str, str], float] = {}
        for label, router in state.routers.items():
            scope = state.metrics.child("rt", label)
            branches: dict[str, list[tuple[str, float]]] = {}
            for name, leads in router.branches():
                branches[name] = leads
                if pace.due():
                    await pace.rest()
            figures = cache(partial(_client_figures, scope))  # a client is asked about by its names, too
            mine = []
            for found in () if scope is None else _services(label, scope, branches, figures):
                totals[label, found.name] = found.retries or 0.0
                mine.append(replace(found, retries=self._retry_rate(label, found)))
                if pace.due():
                    await pace.rest()
            for client in router.seen_clients():
                clients.append(replace(client, router=label, figures=figures(client.name)))
                if pace.due():
                    await pace.rest()
            services += mine
            known = [each.retries for each in mine if each.retries is not None]
            routers.append(replace(_router(label, scope), retries=sum(known) if known else None))
        self._sample(totals)
        seen = Seen(
            services=tuple(services),
            clients=tuple(clients),
            routers=tuple(routers),
            calls=await _calls(state),
            **_around(state),
        )
        problems: list[Problem] = []
        for step in walk(seen):
            problems += step
            if pace.due():
                await pace.rest()
        return Look(seen, ranked(problems))

    def _sample(self, totals: dict[tuple[str, str], float]) -> None:
        now = trio.current_time()
        if self._retries and now - self._retries[-1][0] > SAMPLES * SAMPLE_SECONDS:
            self._retries.clear()  # nobody has looked for a while
        if not self._retries or now - self._retries[-1][0] >= SAMPLE_SECONDS:
            self._retries.append((now, totals))

    def _retry_rate(self, label: str, service: Service) -> float | None:
        """Return the retries of a service for each second, since the oldest total that is known."""
        if not self._retries:
            return None
        when, totals = self._retries[0]
        seconds = trio.current_time() - when
        before = totals.get((label, service.name))
        if before is None or seconds < SHARED_SECONDS:
            return None
        return max(0.0, (service.retries or 0.0) - before) / seconds


def figures_of(history: History | None) -> Figures:
    """Return the last 60 s of a history."""
    if history is None:
        return Figures()
    last = history.last()
    return Figures(last.requests, last.failures, last.rate, last.p50, last.p95, last.p99)


def course_of(history: History | None) -> Course:
    """Return the last ten minutes of a history."""
    if history is None:
        return Course()
    slots = history.lines()
    return Course(
        tuple(count / 10.0 for count in slots.requests),
        tuple(
            round(100.0 * bad / all_, 3) if all_ else None
            for bad, all_ in zip(slots.failures, slots.requests, strict=True)
        ),
        *(tuple(None if x is None else round(x, 3) for x in line) for line in (slots.p50, slots.p95, slots.p99)),
    )


def history_of(stats: RequestStats | None) -> History | None:
    """Return the history that statistics keep."""
    return None if stats is None else stats.history


def _services(
    label: str,
    scope: Scope,
    branches: dict[str, list[tuple[str, float]]],
    client_figures: Callable[[str], Figures],
) -> Iterator[Service]:
    """Yield the services of a router; `retries` is their total ever."""
    place = scope.child("service")
    for _, node in () if place is None else place.children:
        stats = node.stats
        if stats is None:
            continue
        name = node.name if node.name == OTHER else f"/{node.name}"
        history = history_of(stats)
        yield Service(
            name,
            label,
            figures_of(history),
            partial(course_of, history),
            stats.pending,
            node.number("retries", "total") or 0.0,
            node.number("retries", "budget"),
            tuple(Branch(client, share, client_figures(client)) for client, share in branches.get(name, ())),
            stats.exceptions,
            (node.number("concurrency", "refused") or 0.0) + (node.number("concurrency", "timed_out") or 0.0),
        )


def _client_figures(scope: Scope | None, client: str) -> Figures:
    node = None if scope is None else scope.child("client", client.removeprefix("/"))
    return figures_of(None if node is None else history_of(node.stats))


def _router(label: str, scope: Scope | None) -> Router:
    """Sum up the servers of a router."""
    place = None if scope is None else scope.child("server")
    nodes = [] if place is None else [node for _, node in place.children]
    histories = [history_of(node.stats) for node in nodes]
    parts = [figures_of(each) for each in histories]
    courses = [course_of(each) for each in histories if each is not None]
    return Router(
        label,
        tuple(node.name for node in nodes),
        Figures(
            sum(each.requests for each in parts),
            sum(each.failures for each in parts),
            sum(each.rate for each in parts),
            _highest([each.p50 for each in parts]),
            _highest([each.p95 for each in parts]),
            _highest([each.p99 for each in parts]),
        ),
        _together(courses),
        sum(node.stats.pending for node in nodes if node.stats is not None),
        round(sum(node.number("connections") or 0.0 for node in nodes)),
    )


def _together(courses: list[Course]) -> Course:
    """Return the sum of several courses; of percentiles the highest."""
    if len(courses) < 2:
        return courses[0] if courses else Course()
    rates = tuple(sum(each or 0.0 for each in slot) for slot in zip(*(one.rate for one in courses), strict=True))
    failed = [
        sum((bad or 0.0) * (rate or 0.0) for bad, rate in zip(bads, all_, strict=True))
        for bads, all_ in zip(
            zip(*(one.failures for one in courses), strict=True),
            zip(*(one.rate for one in courses), strict=True),
            strict=True,
        )
    ]
    return Course(
        rates,
        tuple(bad / rate if rate else None for bad, rate in zip(failed, rates, strict=True)),
        *(
            tuple(_highest(list(slot)) for slot in zip(*each, strict=True))
            for each in (
                [one.p50 for one in courses],
                [one.p95 for one in courses],
                [one.p99 for one in courses],
            )
        ),
    )


async def _calls(state: "AdminState") -> tuple[Call, ...]:
    """Return who calls whom; a workload is written as a host is, so that it is one with the service it stands for."""
    from noderouter.admin.edges import edges  # which knows of the state, as that knows of this

    return tuple(
        Call(
            f"{link.workload}.{link.namespace}" if link.workload else link.source,
            link.service,
            link.router,
            link.rate,
            None if link.success is None else 100 * link.success,
            link.recent_requests,
            link.recent_failures,
        )
        for link in await edges(state)
        if link.recent_requests
    )


def _highest(values: list[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _around(state: "AdminState") -> dict[str, Any]:
    """Return what is known beside routers."""
    ready, reasons = state.readiness()
    return {
        "at": time(),
        "ready": ready,
        "reasons": tuple(reasons),
        "watches": tuple(_watches(state.metrics)),
        "tables": tuple(_tables(state)),
        "capture": _capture(state),
        "limits": tuple(_limits(state)),
        "process": _process(state.metrics),
        "shedding": state.metrics.number("overload", "shedding") or 0.0,
    }


def _watches(metrics: Scope) -> Iterator[Watch]:
    place = metrics.child("kubernetes")
    for _, api in () if place is None else place.children:
        watches = api.child("watch")
        for _, node in () if watches is None else watches.children:
            yield Watch(
                node.name,
                bool(node.number("streaming")),
                node.number("last_event_age_seconds") or 0.0,
                node.number("failing_seconds") or 0.0,
                round(node.number("events") or 0.0),
                round(node.number("restarts") or 0.0),
            )


def _tables(state: "AdminState") -> Iterator[Table]:
    for label, stored in state.stored_dtabs.items():
        dtab, error = stored.dtab, stored.last_error
        said = "" if error is None else str(error)
        moved = stored.moved.get(label)
        yield Table(label, stored.name, stored.hash, len(dtab or ()), stored.applied_at, said, moved)


def _capture(state: "AdminState") -> Capture | None:
    show = state.states.get("/intercept.json")
    if show is None:
        return None
    found = show()
    pods = found["pods"]
    return Capture(
        bool(found["armed"]),
        str(found["why"] or found["notInForce"] or ""),
        str(found["keeper"]["backend"] or ""),
        len(pods),
        tuple((each["pod"], each["why"]) for each in pods if not each["captured"]),
        found["probe"]["ms"],
        str(found["probe"]["error"] or ""),
    )


def _limits(state: "AdminState") -> Iterator[Limit]:
    metrics = state.metrics
    together = "the rest is counted together as 'other'"
    for role in ("service", "client"):
        used = max((_size(metrics, label, role) for label in state.routers), default=0)
        yield Limit(f"{role}s", used, LIMIT, together)
    files, most = metrics.number("process", "open_fds"), metrics.number("process", "max_fds")
    if files is not None and most:
        yield Limit("files", files, most, "new connections are refused")
    taken, places = metrics.number("places", "taken"), metrics.number("places", "most")
    if taken is not None and places:
        yield Limit("connections of clients", taken, places, "who has waited longest leaves for a newer one")
    connections = metrics.number("admin", "connections")
    if connections is not None:
        yield Limit("admin connections", connections, state.max_connections, "the least deserving is closed")


def _size(metrics: Scope, label: str, role: str) -> int:
    place = metrics.child("rt", label, role)
    return 0 if place is None else len(place.children)


def _process(metrics: Scope) -> str:
    resident, lag = metrics.number("process", "resident_bytes"), metrics.number("overload", "lag_ms")
    cpu, uptime = metrics.number("process", "cpu_seconds"), metrics.number("process", "uptime_seconds")
    said = []
    if cpu is not None and uptime:
        said.append(f"{100 * cpu / uptime:.0f} % of a core since the start")
    if resident is not None:
        said.append(f"{resident / 1e6:.0f} MB")
    if lag is not None:
        said.append(f"lag {lag:.1f} ms")
    return ", ".join(said)
