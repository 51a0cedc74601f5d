"""`/admin/summary.json`: what a router says of itself to those who look at all nodes; read only, bounded in bytes.

The worst and busiest services, with the clients and endpoints behind them; who calls whom; the health of the node. All
that adds up is one number for each thing (`sums`), in hexadecimal: a node reads hundreds of these. What is left out is
counted.
"""

import json
from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import Client, Endpoint, Router, Service, Table
from noderouter.admin.dashboard.verdict import SLOW_MS, before_of, endpoint_fails
from noderouter.admin.dashboard.view import State
from noderouter.admin.dashboard.views.tables import ranked_services
from noderouter.admin.mesh.bounds import (
    AND,
    BRANCHES,
    EDGES,
    ENDPOINTS,
    ERRORS,
    FEW,
    FORMAT,
    NESTED,
    SERVICES,
    SUMMARY_BYTES,
    TEXT,
)
from noderouter.admin.mesh.sums import PACE_PARTS, counts_of, joined, stats_of
from noderouter.telemetry.history import History
from noderouter.telemetry.tree import MetricsTree, Scope

if TYPE_CHECKING:
    from noderouter.admin.state import AdminState

Row = list[Any]


async def summary(state: "AdminState") -> bytes:
    """Return the summary; where it would have too many bytes, with fewer rows."""
    look = await state.looker.look(state)
    ranked = await ranked_services(look.seen)
    for share in (1, 2, 4, 8, 2 * ENDPOINTS):
        text = json.dumps(members(state, look, ranked, share), separators=(",", ":"), default=str)
        data = text.encode("utf-8", "replace")
        if len(data) <= SUMMARY_BYTES:
            break
    return data


def members(
    state: "AdminState", look: Look, ranked: Sequence[tuple[Service, State, str]], share: int = 1
) -> dict[str, Any]:
    """Return it as an object, with one of `share` rows that it might have; of the services the first of `ranked`."""
    seen, metrics = look.seen, state.metrics
    shown = [service for service, _, _ in ranked[: SERVICES // share]]
    several = {(each.router, one.client) for each in shown if len(each.branches) > 1 for one in each.branches}
    led = {(each.router, one.client) for each in shown for one in each.branches}
    clients = [each for each in seen.clients if (each.router, each.name) in led or each.serving < len(each.endpoints)]
    clients = clients[: 2 * SERVICES // share]
    endpoints = _chosen(clients, ENDPOINTS // share)
    edges = nlargest(EDGES // share, seen.calls, key=lambda each: each.rate)
    health = [each for each in look.problems if each.path == "/health"][:FEW]
    found: dict[str, Any] = {
        "summary": FORMAT,
        "instance": state.instance,
        "node": state.node[:TEXT],
        "version": state.version,
        "ready": seen.ready,
        "health": [[each.state.value, each.word, each.what[:TEXT], each.text[:TEXT]] for each in health],
        "dtabs": [_table(each) for each in seen.tables[:FEW]],
        "watches": [
            len(seen.watches),
            sum(each.streaming for each in seen.watches),
            max((round(each.age, 1) for each in seen.watches), default=None),
        ],
        "capture": None if seen.capture is None else seen.capture.armed,
        "routers": {each.label[:TEXT]: f"{_router(metrics, each):x}" for each in seen.routers[:FEW]},
        **{name: {} for name in NESTED},
        "leftOut": [len(ranked) - len(shown), seen.endpoints - len(endpoints), len(seen.calls) - len(edges)],
    }
    for service in shown:
        _put(found, service.router, service.name, "services", value=f"{_service(metrics, service):x}")
        if (service.figures.p99 or 0) > SLOW_MS:
            _put(found, service.router, service.name, "usual", value=before_of(service))
        for each in service.branches[:BRANCHES]:
            _put(found, service.router, service.name, "leads", each.client, value=round(each.share * 1e6))
        for name, count in [] if service.branches else sorted(service.errors.items(), key=lambda one: -one[1])[:ERRORS]:
            _put(found, service.router, service.name, "errors", name, value=count)
    for client in clients:
        number = _client(metrics, client, whole=(client.router, client.name) in several)
        _put(found, client.router, client.name, "clients", value=f"{number:x}")
        if client.trouble:
            _put(found, client.router, client.name, "trouble", value=client.trouble[:TEXT])
    for endpoint in endpoints:
        number = _endpoint(endpoint)
        _put(found, endpoint.router, endpoint.client, "endpoints", endpoint.address, value=f"{number:x}")
        if endpoint.out or endpoint.errors:
            _put(found, endpoint.router, endpoint.client, "details", endpoint.address, value=_details(endpoint))
    for call in edges:
        counts = joined((call.requests, call.failures, round(call.rate * PACE_PARTS)))
        _put(found, call.router, call.source, "edges", call.service, value=f"{counts:x}")
    return found


def _put(found: dict[str, Any], router: str, name: str, what: str, other: str | None = None, *, value: Any) -> None:
    """Put a value to its place: what, router, and a name or two."""
    key = _plain(name) if other is None else f"{_plain(name)}{AND}{_plain(other)}"
    found[what].setdefault(router[:TEXT], {})[key] = value


def _plain(name: str) -> str:
    return name[:TEXT].replace(AND, " ")


def _table(table: Table) -> Row:
    when = round(table.applied_at, 3)
    return [table.router[:TEXT], table.place[:TEXT], table.hash, table.entries, when, bool(table.error)]


def _router(metrics: MetricsTree, router: Router) -> int:
    """Return the sum of a router's servers."""
    place = metrics.child("rt", router.label, "server")
    nodes: Sequence[Scope] = [] if place is None else [node for _, node in place.children]
    stats = sum(stats_of(None if node.stats is None else node.stats.history) for node in nodes)
    return (stats if nodes else counts_of(router.figures)) + _more(router.pending, router.retries, router.connections)


def _service(metrics: MetricsTree, service: Service) -> int:
    history = _history(metrics, service.router, "service", service.name.removeprefix("/"))
    stats = counts_of(service.figures) if history is None else stats_of(history)
    return stats + _more(service.pending, service.retries)


def _client(metrics: MetricsTree, client: Client, *, whole: bool) -> int:
    """Return a client; with its latencies where `whole`, since those of an only client are its service's."""
    history = _history(metrics, client.router, "client", client.name[1:]) if whole else None
    return counts_of(client.figures) if history is None else stats_of(history)


def _more(pending: int, retries: float | None, connections: int = 0) -> int:
    """Return the counts of `STATS` that are no requests."""
    known = retries is not None
    return joined((0, 0, 0, max(0, pending), connections, round(1000 * (retries or 0)), int(known)))


def _history(metrics: MetricsTree, *path: str) -> History | None:
    """Return a history; None of what has none (any more)."""
    scope = metrics.child("rt", *path)
    return None if scope is None or scope.stats is None else scope.stats.history


def _endpoint(endpoint: Endpoint) -> int:
    figures = endpoint.figures
    return joined(
        (
            figures.requests,
            figures.failures,
            round(figures.rate * PACE_PARTS),
            round(1000 * (endpoint.mean_ms or 0) * figures.requests),
            max(0, endpoint.pending),
            endpoint.connections,
            endpoint.ejections,
            int(bool(endpoint.out)),
            1,
        )
    )


def _details(endpoint: Endpoint) -> Row:
    """Return what is to be said of one that is out, or has failed: why, where it is, and its last failure."""
    last = endpoint.errors[0] if endpoint.errors else None
    failure = last and [
        round(last.when, 3),
        last.what[:TEXT],
        last.request[:TEXT],
        last.service[:TEXT],
        round(last.ms, 3),
    ]
    return [endpoint.out, round(endpoint.back_in, 1), endpoint.pod[:TEXT], endpoint.node[:TEXT], failure]


def _chosen(clients: Iterable[Client], most: int) -> list[Endpoint]:
    """Return the endpoints that are told: those that are out or fail, then the busiest."""
    return nlargest(most, (each for client in clients for each in client.endpoints), key=_urgency)


def _urgency(endpoint: Endpoint) -> tuple[bool, bool, float]:
    return bool(endpoint.out), endpoint_fails(endpoint), endpoint.figures.rate
