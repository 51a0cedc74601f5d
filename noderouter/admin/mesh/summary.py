"""`/admin/summary.json`: what a router says of itself to those who look at all nodes; read only, bounded in bytes.

The worst and busiest services, with the clients and endpoints behind them; who calls whom; the health of the node. Rows
are lists, since a node reads hundreds of these: `checked` says what stands where. What is left out is counted.
"""

import json
from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import Client, Endpoint, Figures, Service, Table
from noderouter.admin.dashboard.verdict import before_of, endpoint_fails
from noderouter.admin.dashboard.view import State
from noderouter.admin.dashboard.views.tables import ranked_services
from noderouter.admin.mesh.bounds import BRANCHES, EDGES, ENDPOINTS, ERRORS, FEW, FORMAT, SERVICES, SUMMARY_BYTES, TEXT
from noderouter.admin.mesh.sums import PACE_PARTS, Stats, Sums, stats_of
from noderouter.telemetry.tree import MetricsTree, Scope

if TYPE_CHECKING:
    from noderouter.admin.state import AdminState

Row = list[Any]


async def summary(state: "AdminState") -> bytes:
    """Return the summary; where it would have too many bytes, with fewer rows."""
    look = await state.looker.look(state)
    ranked = await ranked_services(look.seen)
    for share in (1, 2, 4, 8, 2 * ENDPOINTS):
        text = json.dumps(members(state, look, ranked, share), separators=(",", ":"), ensure_ascii=False, default=str)
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
    chosen = _chosen(clients, ENDPOINTS // share)
    edges = nlargest(EDGES // share, seen.calls, key=lambda each: each.rate)
    health = [each for each in look.problems if each.path == "/health"][:FEW]
    told = sum(len(each) for each in chosen.values())
    return {
        "summary": FORMAT,
        "instance": state.instance,
        "node": state.node[:TEXT],
        "version": state.version,
        "ready": seen.ready,
        "health": [[each.state.value, each.word, each.what[:TEXT], each.text[:TEXT]] for each in health],
        "dtabs": [
            [
                each.router[:TEXT],
                each.place[:TEXT],
                each.hash,
                each.entries,
                round(each.applied_at, 3),
                bool(each.error),
            ]
            for each in seen.tables[:FEW]
        ],
        "watches": [
            len(seen.watches),
            sum(each.streaming for each in seen.watches),
            max((round(each.age, 1) for each in seen.watches), default=None),
        ],
        "capture": None if seen.capture is None else seen.capture.armed,
        "routers": [
            [
                each.label[:TEXT],
                *_servers(metrics, each.label, each.figures),
                each.pending,
                each.connections,
                _milli(each.retries),
            ]
            for each in seen.routers[:FEW]
        ],
        "services": [_service(metrics, each) for each in shown],
        "clients": [
            [
                each.router[:TEXT],
                each.name[:TEXT],
                *_stats(metrics, each.figures, each.router, "client", each.name[1:])[: 6 if key in several else 3],
                *([] if key in several else [0, 0, ""]),
                each.trouble[:TEXT],
                [_endpoint(one) for one in chosen[key]],
            ]
            for each in clients
            for key in [(each.router, each.name)]
        ],
        "edges": [
            [
                each.router[:TEXT],
                each.source[:TEXT],
                each.service[:TEXT],
                each.requests,
                each.failures,
                round(each.rate * PACE_PARTS),
            ]
            for each in edges
        ],
        "leftOut": [len(ranked) - len(shown), seen.endpoints - told, len(seen.calls) - len(edges)],
    }


def _table(table: Table) -> Row:
    when = round(table.applied_at, 3)
    return [table.router[:TEXT], table.place[:TEXT], table.hash, table.entries, when, bool(table.error)]


def _service(metrics: MetricsTree, service: Service) -> Row:
    errors = sorted(service.errors.items(), key=lambda each: -each[1])[:ERRORS]
    usual = None if service.figures.p99 is None else before_of(service)
    return [
        service.router[:TEXT],
        service.name[:TEXT],
        *_stats(metrics, service.figures, service.router, "service", service.name.removeprefix("/")),
        service.pending,
        _milli(service.retries),
        usual,
        [[each.client[:TEXT], round(each.share * 1e6)] for each in service.branches[:BRANCHES]],
        [[name[:TEXT], count] for name, count in errors],
    ]


def _endpoint(endpoint: Endpoint) -> Row:
    figures = endpoint.figures
    total = 0 if endpoint.mean_ms is None else round(1000 * endpoint.mean_ms * figures.requests)
    last = endpoint.errors[0] if endpoint.errors else None
    return [
        endpoint.address[:TEXT],
        figures.requests,
        figures.failures,
        round(figures.rate * PACE_PARTS),
        total,
        endpoint.pending,
        endpoint.connections,
        endpoint.ejections,
        endpoint.out,
        round(endpoint.back_in, 1),
        endpoint.pod[:TEXT],
        endpoint.node[:TEXT],
        None
        if last is None
        else [round(last.when, 3), last.what[:TEXT], last.request[:TEXT], last.service[:TEXT], round(last.ms, 3)],
    ]


def _chosen(clients: Iterable[Client], most: int) -> dict[tuple[str, str], list[Endpoint]]:
    """Return the endpoints that are told of each client: those that are out or fail, then the busiest."""
    every = [(each, (client.router, client.name)) for client in clients for each in client.endpoints]
    found: dict[tuple[str, str], list[Endpoint]] = {(client.router, client.name): [] for client in clients}
    for each, key in nlargest(most, every, key=lambda one: _urgency(one[0])):
        found[key].append(each)
    return found


def _urgency(endpoint: Endpoint) -> tuple[bool, bool, float]:
    return bool(endpoint.out), endpoint_fails(endpoint), endpoint.figures.rate


def _servers(metrics: MetricsTree, label: str, figures: Figures) -> Row:
    """Return the sum of a router's servers."""
    place = metrics.child("rt", label, "server")
    nodes: Sequence[Scope] = [] if place is None else [node for _, node in place.children]
    sums = Sums()
    for node in nodes:
        sums.add(stats_of(None if node.stats is None else node.stats.history))
    return _row(sums.stats() if nodes else _counts(figures))


def _stats(metrics: MetricsTree, figures: Figures, *path: str) -> Row:
    """Return the last minute; what has no history (any more) has its counts."""
    scope = metrics.child("rt", *path)
    history = None if scope is None or scope.stats is None else scope.stats.history
    return _row(_counts(figures) if history is None else stats_of(history))


def _counts(figures: Figures) -> Stats:
    return figures.requests, figures.failures, round(figures.rate * PACE_PARTS), 0.0, 0.0, 0


def _row(stats: Stats) -> Row:
    requests, failures, pace, low, high, histogram = stats
    return [requests, failures, pace, low, high, f"{histogram:x}" if histogram else ""]


def _milli(value: float | None) -> int | None:
    return None if value is None else round(1000 * value)
