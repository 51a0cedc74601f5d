"""Many summaries as one: a `Seen` that the views tell and the rules judge as they do that of one router.

Counts, rates and histograms add up exactly, whatever the order. An endpoint is out of service for the mesh where most
of the routers that know it say so; where few do, that is a problem of its own. Summaries are taken in one after the
other and forgotten: what is kept grows with the number of things, not with that of nodes.
"""

from collections.abc import Iterator
from time import time
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import (
    Branch,
    Call,
    Client,
    Endpoint,
    Failure,
    Figures,
    Router,
    Seen,
    Service,
    Table,
)
from noderouter.admin.dashboard.verdict import at, ranked, short, walk
from noderouter.admin.dashboard.view import ORDER, Problem, State
from noderouter.admin.mesh import checked
from noderouter.admin.mesh.nodes import MINOR, Mesh, Node, named, problems_of
from noderouter.admin.mesh.sums import PACE_PARTS, Sums
from noderouter.core.background import Pace

SERVICES: Final = 5_000
"""Of all nodes, as those that follow."""
ENDPOINTS: Final = 10_000
EDGES: Final = 5_000
ROUTERS: Final = 64
TABLES: Final = 64
BRANCHES: Final = 16
LAST: Final = 4
"""Failures of an endpoint that are remembered."""
OUT_ON: Final = 10
"""Nodes that are remembered for whom an endpoint is out."""

Key = tuple[str, str]


class _Router:
    __slots__ = ("connections", "pending", "retries", "sums")

    def __init__(self) -> None:
        self.sums = Sums()
        self.pending = 0
        self.connections = 0
        self.retries: int | None = None


class _Service:
    __slots__ = ("branches", "errors", "nodes", "pending", "retries", "sums", "usual")

    def __init__(self) -> None:
        self.sums = Sums()
        self.pending = 0
        self.retries: int | None = None
        self.usual: float | None = None
        self.nodes = 0
        self.branches: dict[str, int] = {}
        self.errors: dict[str, int] = {}


class _Endpoint:
    __slots__ = (
        "back_in", "connections", "ejections", "failures", "known", "last", "node", "out", "out_on", "outs", "pace",
        "pending", "pod", "requests", "total",
    )  # fmt: skip

    def __init__(self, pod: str, node: str) -> None:
        self.requests = self.failures = self.pace = self.total = 0
        self.pending = self.connections = self.ejections = 0
        self.known = self.outs = 0
        self.out = ""
        self.out_on: list[str] = []
        self.back_in = 0.0
        self.pod, self.node = pod, node
        self.last: list[checked.Failure] = []


class _Client:
    __slots__ = ("endpoints", "sums", "trouble")

    def __init__(self) -> None:
        self.sums = Sums()
        self.trouble = ""
        self.endpoints: dict[str, _Endpoint] = {}


class Merge:
    """What was taken in so far."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._instances: set[str] = set()
        self._routers: dict[str, _Router] = {}
        self._services: dict[Key, _Service] = {}
        self._clients: dict[Key, _Client] = {}
        self._endpoints = 0
        self._edges: dict[tuple[str, str, str], list[int]] = {}
        self._tables: dict[tuple[str, str | None], checked.TableRow] = {}
        self._left = [0, 0, 0]

    def __repr__(self) -> str:
        return f"<Merge nodes={len(self.nodes)} services={len(self._services)} endpoints={self._endpoints}>"

    def missing(self, node: Node) -> None:
        """Note a node that has no summary."""
        self.nodes.append(node)

    def add(self, summary: checked.Summary, address: str = "") -> bool:
        """Take in a summary, from who was asked at `address`; return whether that router was not there before."""
        if summary.instance in self._instances:
            return False
        self._instances.add(summary.instance)
        self.nodes.append(_node(summary, address))
        for number, left in enumerate(summary.left_out):
            self._left[number] += left
        for router in summary.routers:
            self._add_router(router)
        for service in summary.services:
            self._add_service(service)
        for client in summary.clients:
            self._add_client(client, summary.node)
        for edge in summary.edges:
            key = edge[:3]
            sums = self._edges.get(key)
            if sums is None:
                if len(self._edges) >= EDGES:
                    self._left[2] += 1
                    continue
                sums = self._edges[key] = [0, 0, 0]
            sums[0] += edge[3]
            sums[1] += edge[4]
            sums[2] += edge[5]
        for table in summary.dtabs:
            if len(self._tables) < TABLES:
                self._tables.setdefault((table.router, table.hash), table)
        return True

    def _add_router(self, row: checked.RouterRow) -> None:
        router = self._routers.get(row.label)
        if router is None:
            if len(self._routers) >= ROUTERS:
                return
            router = self._routers[row.label] = _Router()
        router.sums.add(row.stats)
        router.pending += row.pending
        router.connections += row.connections
        router.retries = _plus(router.retries, row.retries)

    def _add_service(self, row: checked.ServiceRow) -> None:
        key = (row.router, row.name)
        service = self._services.get(key)
        if service is None:
            if len(self._services) >= SERVICES:
                self._left[0] += 1
                return
            service = self._services[key] = _Service()
        service.sums.add(row.stats)
        service.nodes += 1
        service.pending += row.pending
        service.retries = _plus(service.retries, row.retries)
        if row.usual is not None:
            service.usual = row.usual if service.usual is None else max(service.usual, row.usual)
        for client, share in row.branches:
            if client in service.branches or len(service.branches) < BRANCHES:
                service.branches[client] = service.branches.get(client, 0) + share
        for error, count in row.errors:
            if error in service.errors or len(service.errors) < BRANCHES:
                service.errors[error] = service.errors.get(error, 0) + count

    def _add_client(self, row: checked.ClientRow, node: str) -> None:
        key = (row.router, row.name)
        client = self._clients.get(key)
        if client is None:
            if len(self._clients) >= SERVICES:
                self._left[1] += len(row.endpoints)
                return
            client = self._clients[key] = _Client()
        client.sums.add(row.stats)
        client.trouble = client.trouble or row.trouble
        for each in row.endpoints:
            found = client.endpoints.get(each.address)
            if found is None:
                if self._endpoints >= ENDPOINTS:
                    self._left[1] += 1
                    continue
                self._endpoints += 1
                found = client.endpoints[each.address] = _Endpoint(each.pod, each.node)
            found.requests += each.requests
            found.failures += each.failures
            found.pace += each.pace
            found.total += each.total
            found.pending += each.pending
            found.connections += each.connections
            found.ejections += each.ejections
            found.known += 1
            if each.out:
                _out(found, each, node)
            if each.last is not None:
                found.last = sorted([*found.last, each.last], reverse=True)[:LAST]

    async def look(self, unknown: str = "") -> Look:
        """Return all of it as what one router would see, and judge it; in steps."""
        pace = Pace()
        services, clients = [], []
        minor: list[Problem] = []
        for (router, name), service in self._services.items():
            services.append(self._service(router, name, service))
            if pace.due():
                await pace.rest()
        for (router, name), client in self._clients.items():
            clients.append(_client(router, name, client))
            minor += _minor(name, client)
            if pace.due():
                await pace.rest()
        seen = Seen(
            at=time(),
            ready=True,
            reasons=(),
            routers=tuple(
                Router(label, (), each.sums.figures(), pending=each.pending, connections=each.connections,
                       retries=_per_second(each.retries))
                for label, each in sorted(self._routers.items())
            ),
            services=tuple(services),
            clients=tuple(clients),
            tables=tuple(
                Table(router, each.place, hash, each.entries, each.applied_at)
                for (router, hash), each in self._tables.items()
            ),
            calls=tuple(
                Call(source, service, router, counts[2] / PACE_PARTS,
                     100.0 * (counts[0] - counts[1]) / counts[0] if counts[0] else None, counts[0], counts[1])
                for (router, source, service), counts in self._edges.items()
            ),
        )  # fmt: skip
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

    def _service(self, router: str, name: str, service: _Service) -> Service:
        total = sum(service.branches.values()) or 1
        return Service(
            name,
            router,
            service.sums.figures(),
            pending=service.pending,
            retries=_per_second(service.retries),
            branches=tuple(
                Branch(client, share / total, self._figures(router, client))
                for client, share in service.branches.items()
            ),
            errors=service.errors,
            usual=service.usual,
        )

    def _figures(self, router: str, client: str) -> Figures:
        found = self._clients.get((router, client))
        return Figures() if found is None else found.sums.figures()


def _node(summary: checked.Summary, address: str) -> Node:
    sums = Sums()
    for router in summary.routers:
        sums.add(router.stats)
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
        figures=sums.figures(),
        watches=watches,
        live=live,
        age=age,
        capture="" if summary.capture is None else "on" if summary.capture else "off",
        refused=sum(each.refused for each in summary.dtabs),
        health=health,
    )


def _out(endpoint: _Endpoint, row: checked.EndpointRow, node: str) -> None:
    endpoint.outs += 1
    endpoint.out = max(endpoint.out, row.out)
    endpoint.back_in = max(endpoint.back_in, row.back_in)
    if len(endpoint.out_on) < OUT_ON:
        endpoint.out_on.append(node)


def _client(router: str, name: str, client: _Client) -> Client:
    endpoints = [_endpoint(address, name, router, each) for address, each in client.endpoints.items()]
    return Client(name, router, tuple(endpoints), client.sums.figures(), trouble="" if endpoints else client.trouble)


def _endpoint(address: str, client: str, router: str, found: _Endpoint) -> Endpoint:
    out = 2 * found.outs >= found.known
    return Endpoint(
        address,
        client,
        router,
        Figures(found.requests, found.failures, found.pace / PACE_PARTS),
        found.total / found.requests / 1000 if found.requests else None,
        found.pending,
        connections=found.connections,
        pod=found.pod,
        node=found.node,
        out=found.out if out else "",
        back_in=found.back_in if out else 0.0,
        ejections=found.ejections,
        errors=tuple(Failure(*each) for each in found.last),
    )


def _minor(name: str, client: _Client) -> Iterator[Problem]:
    """Yield the endpoints that are out for some of the nodes that know them, and not for most."""
    for address, each in client.endpoints.items():
        if each.outs and 2 * each.outs < each.known:
            last = f" Last error {each.last[0][1]}." if each.last else ""
            who = named(sorted(each.out_on))
            said = f"{short(name)}: {each.out} for {each.outs} of {each.known} nodes ({who}).{last}"
            yield Problem(State.WARN, each.out, address, said, at("/endpoints", client=name), None, each.failures / 60)


def _plus(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else one + other


def _per_second(thousandths: int | None) -> float | None:
    return None if thousandths is None else thousandths / 1000
