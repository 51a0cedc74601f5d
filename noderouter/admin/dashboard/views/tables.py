"""The tables that several views have: services and endpoints, with their columns, order and states.

What goes through all that there is does so in steps, between which requests are carried on.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import duration
from noderouter.admin.dashboard.seen import Client, Endpoint, Seen, Service
from noderouter.admin.dashboard.verdict import answers, at, endpoint_state, service_state, why_out
from noderouter.admin.dashboard.view import ORDER, Column, Kind, Link, Row, State, Table
from noderouter.core.background import Pace

SERVICE_COLUMNS: Final = (
    Column("name", "service", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE, short="state"),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p50", "p50 ms", Kind.MS, drop=5, wide=3, short="p50"),
    Column("p95", "p95 ms", Kind.MS, drop=6, wide=4, short="p95"),
    Column("p99", "p99 ms", Kind.MS),
    Column("up", "in service", Kind.TEXT, drop=2, wide=2, short="up"),
    Column("line", "p99, 10 min", Kind.LINE, drop=3, wide=2),
    Column("failed", "failures, 10 min", Kind.FAILURES, drop=8, wide=3),
    Column("pending", "in flight", Kind.COUNT, drop=7, wide=4, short="now"),
    Column("retries", "retries/s", Kind.RATE, drop=4, wide=4, short="retry/s"),
)
SERVICE_SORTS: Final = ("name", "rate", "success", "p50", "p95", "p99", "pending", "retries")
ENDPOINT_COLUMNS: Final = (
    Column("address", "endpoint", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("mean", "mean ms", Kind.MS),
    Column("pending", "in flight", Kind.COUNT, drop=2, wide=3, short="now"),
    Column("connections", "connections", Kind.COUNT, drop=5, wide=4, short="conns"),
    Column("ejections", "ejections", Kind.COUNT, drop=4, wide=4, short="out"),
    Column("pod", "pod", Kind.NAME, drop=3, wide=2),
    Column("node", "node", Kind.TEXT, drop=6, wide=4),
    Column("client", "client", Kind.NAME, drop=8, wide=4),
    Column("why", "why", Kind.WHY, drop=9, wide=2),
)
NOTHING_YET: Final = "No request has come through this router yet. What comes is shown within ten seconds."


def service_row(service: Service, seen: Seen, state: State, word: str) -> Row:
    """Return the row of one service."""
    clients = seen.clients_of(service)
    serving, number = sum(each.serving for each in clients), sum(len(each.endpoints) for each in clients)
    figures, course = service.figures, service.course
    several = len(seen.routers) > 1
    return Row(
        f"{service.router} {service.name}",
        {
            "name": service.name,
            "word": word,
            "rate": figures.rate,
            "success": figures.success,
            "p50": figures.p50,
            "p95": figures.p95,
            "p99": figures.p99,
            "up": f"{serving}/{number}" if clients else None,
            "line": course.p99,
            "failed": course.failures,
            "pending": service.pending,
            "retries": service.retries,
            "router": service.router,
        },
        state,
        at("/service", name=service.name, router=service.router if several else ""),
    )


async def ranked_services(seen: Seen) -> list[tuple[Service, State, str]]:
    """Return all services with their states: what is wrong first, then the busiest."""
    pace = Pace()
    found = []
    for each in seen.services:
        found.append((each, *service_state(each, seen)))
        if pace.due():
            await pace.rest()
    return worst_first(found)


def worst_first(found: Iterable[tuple[Service, State, str]]) -> list[tuple[Service, State, str]]:
    """Return them by state, then the busiest first."""
    return sorted(found, key=lambda each: (ORDER[each[1]], -each[0].figures.rate, each[0].name))


async def services_table(
    seen: Seen,
    found: Sequence[tuple[Service, State, str]],
    *,
    note: str,
    total: int = 0,
    more: Link | None = None,
    empty: str = NOTHING_YET,
    sortable: bool = True,
) -> Table:
    """Return these services as a table."""
    pace = Pace()
    rows = []
    for each, state, word in found:
        rows.append(service_row(each, seen, state, word))
        if pace.due():
            await pace.rest()
    columns: tuple[Column, ...] = SERVICE_COLUMNS
    if len(seen.routers) > 1:
        columns = (*columns, Column("router", "router", Kind.TEXT, drop=1, wide=3))
    return Table("services", "Services", columns, tuple(rows), note, empty, more, sortable, total)


def endpoint_row(endpoint: Endpoint, state: State, word: str) -> Row:
    """Return the row of one endpoint."""
    why = why_out(endpoint) if endpoint.out else answers(endpoint) if state is State.BAD else ""
    return Row(
        endpoint.key,
        {
            "address": endpoint.address,
            "word": word,
            "rate": endpoint.figures.rate,
            "success": endpoint.figures.success,
            "mean": endpoint.mean_ms,
            "pending": endpoint.pending,
            "connections": endpoint.connections,
            "ejections": endpoint.ejections,
            "pod": endpoint.pod,
            "node": endpoint.node,
            "client": endpoint.client,
            "why": why,
            "backIn": round(endpoint.back_in, 1) if endpoint.out else None,
        },
        state,
        note=why,
    )


Ranked = list[tuple[Endpoint, State, str]]
"""Endpoints of a client with their states, the worst first."""


async def ranked_endpoints(clients: Iterable[Client]) -> list[tuple[Client, Ranked]]:
    """Return the endpoints of clients with their states, the worst first within each."""
    pace = Pace()
    found = []
    for client in clients:
        states = [(each, *endpoint_state(each, client)) for each in client.endpoints]
        states.sort(key=lambda each: (ORDER[each[1]], -each[0].figures.rate, each[0].address))
        found.append((client, states))
        if pace.due():
            await pace.rest()
    return found


async def endpoint_rows(ranked: Iterable[tuple[Client, Ranked]]) -> list[Row]:
    """Return the rows of endpoints, in their order."""
    pace = Pace()
    rows = []
    for _, states in ranked:
        for each in states:
            rows.append(endpoint_row(*each))
            if pace.due():
                await pace.rest()
    return rows


def branch_rows(service: Service) -> tuple[Row, ...]:
    """Return where a service's requests go, by the keys `client`, `share`, `rate`, `success` and `p99`."""
    return tuple(
        Row(
            each.client,
            {
                "client": each.client,
                "share": 100 * each.share,
                "rate": each.figures.rate,
                "success": each.figures.success,
                "p99": each.figures.p99,
            },
            path=at("/endpoints", client=each.client),
        )
        for each in service.branches
    )


def out_of_service(look: Look) -> Table:
    """Return the endpoints that get no requests."""
    seen = look.seen
    rows = [
        Row(
            each.key,
            {"address": each.address, "word": each.out, "client": client.name, "why": why_out(each)},
            State.WARN,
        )
        for client in seen.clients
        for each in client.endpoints
        if each.out
    ]
    columns = (
        Column("address", "endpoint", Kind.NAME, short=""),
        Column("word", "state", Kind.STATE, drop=2, short=""),
        Column("client", "client", Kind.NAME, drop=1, wide=2, short=""),
        Column("why", "why", Kind.WHY, short=""),
    )
    note = f"{len(rows)} of {seen.endpoints:,} endpoints"
    more = Link("all endpoints", "/endpoints")
    return Table("out", "Out of service", columns, tuple(rows[:20]), note, "none", more, total=len(rows))


def states_in_words(found: Sequence[tuple[Service, State, str]]) -> str:
    """Return how many services are how: `1 failing, 1 slow, 41 ok`."""
    counts: dict[str, int] = {}
    for _, _, word in found:
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{number} {word}" for word, number in counts.items())


def ago(at_: float, now: float) -> str:
    """Return how long ago something was."""
    return f"{duration(now - at_)} ago"
