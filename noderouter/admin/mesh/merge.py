"""Many summaries as one: a `Seen` that the views tell and the rules judge as they do that of one router.

Counts, rates and histograms add up exactly, whatever the order. An endpoint is out of service for the mesh where most
of the routers that know it say so; where few do, that is a problem of its own. Summaries are taken in one after the
other and forgotten: what is kept grows with the number of things, not with that of nodes.
"""

from collections.abc import Iterator, Mapping
from time import time
from typing import Final, TypeVar

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import (
    Branch,
    Call,
    Client,
    Endpoint,
    Failure,
    Router,
    Seen,
    Service,
    Table,
)
from noderouter.admin.dashboard.verdict import at, ranked, short, walk
from noderouter.admin.dashboard.view import ORDER, Problem, State
from noderouter.admin.mesh import checked
from noderouter.admin.mesh.bounds import AND
from noderouter.admin.mesh.checked import Rows
from noderouter.admin.mesh.nodes import MINOR, Mesh, Node, named, problems_of
from noderouter.admin.mesh.sums import ENDPOINT, STATS, figures_of, split
from noderouter.core.background import Pace

SERVICES: Final = 5_000
"""Of all nodes, as those that follow."""
ENDPOINTS: Final = 10_000
EDGES: Final = 5_000
ROUTERS: Final = 64
TABLES: Final = 64
LAST: Final = 4
"""Failures of an endpoint that are remembered."""
OUT_ON: Final = 10
"""Nodes that are remembered for whom an endpoint is out."""

T = TypeVar("T")


class Merge:
    """What was taken in so far."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._instances: set[str] = set()
        self._routers: dict[str, int] = {}
        self._services: Rows[int] = {}
        self._usual: Rows[float] = {}
        self._leads: Rows[int] = {}
        self._errors: Rows[int] = {}
        self._clients: Rows[int] = {}
        self._trouble: Rows[str] = {}
        self._endpoints: Rows[int] = {}
        self._details: Rows[_Details] = {}
        self._edges: Rows[int] = {}
        self._tables: dict[tuple[str, str | None], checked.TableRow] = {}
        self._left = [0, 0, 0]

    def __repr__(self) -> str:
        return f"<Merge nodes={len(self.nodes)} services={_size(self._services)} endpoints={_size(self._endpoints)}>"

    def missing(self, node: Node) -> None:
        """Note a node that has no summary."""
        self.nodes.append(node)

    def add(self, summary: checked.Summary, address: str = "") -> bool:
        """Take in a summary, from who was asked at `address`; return whether that router was not there before."""
        if summary.instance in self._instances:
            return False
        self._instances.add(summary.instance)
        self.nodes.append(_node(summary, address))
        left = self._left
        for number, each in enumerate(summary.left_out):
            left[number] += each
        _add(self._routers, summary.routers, ROUTERS)
        left[0] += _add_all(self._services, summary.services, SERVICES)
        left[1] += _add_all(self._endpoints, summary.endpoints, ENDPOINTS)
        left[2] += _add_all(self._edges, summary.edges, EDGES)
        _add_all(self._clients, summary.clients, SERVICES)
        _add_all(self._leads, summary.leads, 2 * SERVICES)
        _add_all(self._errors, summary.errors, SERVICES)
        for router, usual in summary.usual.items():
            mine = self._usual.setdefault(router, {}) if router in self._services else {}
            for name, value in usual.items():
                if name in self._services.get(router, ()):
                    mine[name] = max(mine.get(name, 0.0), value)
        for router, whys in summary.trouble.items():
            for name, why in whys.items():
                if name in self._clients.get(router, ()):
                    self._trouble.setdefault(router, {}).setdefault(name, why)
        for router, rows in summary.details.items():
            for key, details in rows.items():
                if key in self._endpoints.get(router, ()):
                    self._details.setdefault(router, {}).setdefault(key, _Details()).add(details, summary.node)
        for table in summary.dtabs:
            if len(self._tables) < TABLES:
                self._tables.setdefault((table.router, table.hash), table)
        return True

    async def look(self, unknown: str = "") -> Look:
        """Return all of it as what one router would see, and judge it; in steps."""
        pace = Pace()
        services, clients = [], []
        minor: list[Problem] = []
        leads, errors = _by_first(self._leads), _by_first(self._errors)
        for router, rows in self._services.items():
            for name, number in rows.items():
                key = (router, name)
                services.append(self._service(router, name, number, leads.get(key, {}), errors.get(key, {})))
                if pace.due():
                    await pace.rest()
        endpoints = _by_first(self._endpoints)
        for router, rows in self._clients.items():
            for name, number in rows.items():
                mine = endpoints.get((router, name), {})
                clients.append(self._client(router, name, number, mine))
                minor += self._minor(router, name, mine)
                if pace.due():
                    await pace.rest()
        seen = Seen(
            at=time(),
            ready=True,
            reasons=(),
            routers=tuple(_router(label, number) for label, number in sorted(self._routers.items())),
            services=tuple(services),
            clients=tuple(clients),
            tables=tuple(
                Table(router, each.place, hash, each.entries, each.applied_at)
                for (router, hash), each in self._tables.items()
            ),
            calls=tuple(
                _call(router, source, service, number)
                for (router, source), called in _by_first(self._edges).items()
                for service, number in called.items()
            ),
        )
        nodes = sorted(self.nodes, key=lambda each: (each.name, each.address))
        minor = sorted(minor, key=lambda each: -each.hurt)[:MINOR]
        left, out, edges = self._left
        mesh = Mesh(tuple(nodes), left, out, edges, unknown, tuple(minor))
        problems = list(problems_of(mesh))
        for step in walk(seen):
            problems += step
            if pace.due():
                await pace.rest()
        return Look(seen, ranked(problems), mesh)

    def _service(
        self, router: str, name: str, number: int, leads: Mapping[str, int], errors: Mapping[str, int]
    ) -> Service:
        _, _, _, pending, _, retries, retrying = split(number, len(STATS))
        total = sum(leads.values()) or 1
        clients = self._clients.get(router, {})
        return Service(
            name,
            router,
            figures_of(number),
            pending=pending,
            retries=retries / 1000 if retrying else None,
            branches=tuple(
                Branch(client, share / total, figures_of(clients.get(client, 0))) for client, share in leads.items()
            ),
            errors=errors,
            usual=self._usual.get(router, {}).get(name),
        )

    def _client(self, router: str, name: str, number: int, rows: Mapping[str, int]) -> Client:
        details = self._details.get(router, {})
        endpoints = [
            _endpoint(address, name, router, each, details.get(f"{name}{AND}{address}"))
            for address, each in rows.items()
        ]
        trouble = "" if endpoints else self._trouble.get(router, {}).get(name, "")
        return Client(name, router, tuple(endpoints), figures_of(number), trouble=trouble)

    def _minor(self, router: str, name: str, rows: Mapping[str, int]) -> Iterator[Problem]:
        """Yield the endpoints that are out for some of the nodes that know them, and not for most."""
        for address, number in rows.items():
            counts = split(number, len(ENDPOINT))
            failures, outs, known = counts[1], *counts[-2:]
            if 0 < 2 * outs < known:
                details = self._details.get(router, {}).get(f"{name}{AND}{address}") or _Details()
                last = f" Last error {details.last[0][1]}." if details.last else ""
                who = named(sorted(details.out_on))
                word = details.out or "ejected"
                said = f"{short(name)}: {word} for {outs} of {known} nodes ({who}).{last}"
                yield Problem(
                    State.WARN, word, address, said, at("/endpoints", client=name), None, failures / 60, router
                )


class _Details:
    """What routers say of an endpoint that is out, or has failed."""

    __slots__ = ("back_in", "last", "node", "out", "out_on", "pod")

    def __init__(self) -> None:
        self.out = ""
        self.back_in = 0.0
        self.pod = self.node = ""
        self.out_on: list[str] = []
        self.last: list[checked.Failure] = []

    def add(self, details: checked.Details, node: str) -> None:
        """Take in what the router of one more node says."""
        self.pod, self.node = self.pod or details.pod, self.node or details.node
        if details.out:
            self.out = max(self.out, details.out)
            self.back_in = max(self.back_in, details.back_in)
            if len(self.out_on) < OUT_ON:
                self.out_on.append(node)
        if details.last is not None:
            self.last = sorted([*self.last, details.last], reverse=True)[:LAST]


def _add(mine: dict[T, int], theirs: Mapping[T, int], most: int) -> int:
    """Add numbers, of so many things at most; return how many found no place."""
    left = 0
    for key, number in theirs.items():
        known = mine.get(key)
        if known is not None:
            mine[key] = known + number
        elif len(mine) < most:
            mine[key] = number
        else:
            left += 1
    return left


def _add_all(mine: Rows[int], theirs: Rows[int], most: int) -> int:
    """Add the numbers of all routers, of so many things at most together; return how many found no place."""
    left = 0
    for router, rows in theirs.items():
        known = mine.get(router)
        if known is None:
            if len(mine) >= ROUTERS:
                left += len(rows)
                continue
            known = mine[router] = {}
        left += _add(known, rows, most if len(mine) == 1 else most - _size(mine) + len(known))
    return left


def _size(rows: Rows[T]) -> int:
    return sum(map(len, rows.values()))


def _by_first(rows: Rows[int]) -> dict[tuple[str, str], dict[str, int]]:
    """Return what is by two names, by router and the first of them."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for router, named_ in rows.items():
        for key, number in named_.items():
            first, _, second = key.partition(AND)
            found.setdefault((router, first), {})[second] = number
    return found


def _node(summary: checked.Summary, address: str) -> Node:
    health = tuple(sorted(summary.health, key=lambda each: ORDER[each[0]]))
    state, word, why = State.OK, "ok", ""
    if health:
        state, word, _, why = health[0]
    elif not summary.ready:
        state, word, why = State.BAD, "not ready", "it does not say why"
    watches, live, age = summary.watches
    return Node(
        summary.node,
        address,
        state,
        word,
        why,
        version=summary.version,
        hashes=tuple((each.router, each.hash or "none") for each in summary.dtabs),
        figures=figures_of(sum(summary.routers.values())),
        watches=watches,
        live=live,
        age=age,
        capture="" if summary.capture is None else "on" if summary.capture else "off",
        refused=sum(each.refused for each in summary.dtabs),
        health=health,
    )


def _router(label: str, number: int) -> Router:
    _, _, _, pending, connections, retries, retrying = split(number, len(STATS))
    return Router(
        label,
        (),
        figures_of(number),
        pending=pending,
        connections=connections,
        retries=retries / 1000 if retrying else None,
    )


def _endpoint(address: str, client: str, router: str, number: int, details: _Details | None) -> Endpoint:
    _, _, _, microseconds, pending, connections, ejections, outs, known = split(number, len(ENDPOINT))
    figures = figures_of(number, latencies=False)
    said = details or _Details()
    out = outs > 0 and 2 * outs >= known
    return Endpoint(
        address,
        client,
        router,
        figures,
        microseconds / figures.requests / 1000 if figures.requests else None,
        pending,
        connections=connections,
        pod=said.pod,
        node=said.node,
        out=(said.out or "ejected") if out else "",
        back_in=said.back_in if out else 0.0,
        ejections=ejections,
        errors=tuple(Failure(*each) for each in said.last),
    )


def _call(router: str, source: str, service: str, number: int) -> Call:
    figures = figures_of(number, latencies=False)
    return Call(source, service, router, figures.rate, figures.success, figures.requests, figures.failures)
