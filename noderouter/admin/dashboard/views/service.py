"""`/service?name=/svc/hello`: how it is and why, its endpoints, its routes, who calls it, what failed last."""

from collections.abc import Iterator
from difflib import get_close_matches
from time import gmtime, strftime
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.query import BadQuery, NotThere, Query
from noderouter.admin.dashboard.seen import Failure, Seen, Service
from noderouter.admin.dashboard.verdict import at, client_of, service_state
from noderouter.admin.dashboard.view import Column, Kind, Line, Lines, Link, Part, Problem, Row, State, Table, View
from noderouter.admin.dashboard.views.tables import ENDPOINT_COLUMNS, branch_rows, endpoint_rows, ranked_endpoints
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.state import AdminState

ROUTES: Final = (
    Column("client", "client", Kind.NAME, short=""),
    Column("share", "share %", Kind.COUNT),
    Column("rate", "req/s", Kind.RATE, wide=2),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms", Kind.MS, wide=2),
)
ERRORS: Final = (
    Column("time", "time", Kind.TEXT, short=""),
    Column("what", "what", Kind.TEXT, short=""),
    Column("request", "request", Kind.NAME, short=""),
    Column("endpoint", "endpoint", Kind.NAME, wide=2, short=""),
    Column("ms", "ms", Kind.MS, wide=3, short="ms"),
)
CALLERS: Final = (
    Column("source", "workload", Kind.NAME, short=""),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
)
LAST: Final = 8
"""Failures that are shown."""


async def view(state: AdminState, query: Query) -> View:
    """Return one service, by `name`; of the router `router`, where several have one of that name."""
    name = query.get("name", "")
    if not name:
        raise BadQuery("name: the service, such as /service?name=/svc/hello; /services has all")
    look = await look_for(state, query)
    seen = look.seen
    service = seen.service(name, query.get("router"))
    if service is None:
        names = list(dict.fromkeys(each.name for each in seen.services))
        raise NotThere(f"no service {name[:200]} has had a request here", get_close_matches(name, names, 3, 0.4))
    mine = [each for each in look.problems if each.router in ("", service.router)]
    found = [each for each in mine if each.path.startswith("/service?") and each.what == service.name]
    clients = {each.name for each in seen.clients_of(service)}
    found += [each for each in mine if each.path.startswith("/endpoints?") and client_of(each.path) in clients]
    found += [each for each in mine if each.word == "canary" and each.what == service.name]
    rows = await endpoint_rows(await ranked_endpoints(seen.clients_of(service)))
    calm = Problem(State.OK, "ok", service.name, "nothing wrong", "")
    return View(
        "service",
        service.name,
        terse=service.name,
        aside="last 60 s; latency in ms",
        problems=tuple(found) or (calm,),
        parts=tuple(_parts(service, look, rows)),
        links=(
            Link("its requests, live", at("/requests", service=service.name)),
            Link("where it goes, and why", at("/names", path=service.name)),
            Link("its neighbours", at("/graph", of=service.name)),
        ),
        mono=True,
    )


def _parts(service: Service, look: Look, rows: list[Row]) -> Iterator[Part]:
    seen, figures, course = look.seen, service.figures, service.course
    state, word = service_state(service, seen)
    wrong = state if word == "failing" else State.OK
    success = tuple(None if value is None else 100 - value for value in course.failures)
    yield Lines(
        "lines",
        (
            Line("req/s", Kind.RATE, figures.rate, course.rate),
            Line("success %", Kind.PERCENT, figures.success, success, wrong),
            Line("p99 ms", Kind.MS, figures.p99, course.p99, state if word == "slow" else State.OK),
            Line("p95 ms", Kind.MS, figures.p95, course.p95),
            Line("p50 ms", Kind.MS, figures.p50, course.p50),
        ),
    )
    clients = seen.clients_of(service)
    serving, number = sum(each.serving for each in clients), sum(len(each.endpoints) for each in clients)
    columns = tuple(each for each in ENDPOINT_COLUMNS if each.key != "client" or len(clients) > 1)
    trouble = next((each.trouble for each in clients if each.trouble), "")
    empty = f"none: {trouble}" if trouble else "none: no name tree of the dtab leads to an address"
    yield Table(
        "endpoints",
        "Endpoints",
        columns,
        tuple(rows[:200]),
        f"{serving} of {number} in service",
        empty,
        Link("all of them", at("/endpoints", service=service.name)),
        sortable=True,
        total=len(rows),
    )
    yield _routes(service)
    yield _callers(service, look)
    yield _errors(service, seen)


def _routes(service: Service) -> Table:
    note = "figures of the whole client"
    if service.budget is not None:
        note = f"{plural(round(service.budget), 'retry', 'retries')} left in the budget; {note}"
    more = Link("each step", at("/names", path=service.name))
    return Table(
        "routes",
        "Routes",
        ROUTES,
        branch_rows(service),
        note,
        "where it goes is not known: no request came lately",
        more,
    )


def _callers(service: Service, look: Look) -> Table:
    rows = tuple(
        Row(each.source, {"source": each.source, "rate": each.rate, "success": each.success})
        for each in look.seen.calls
        if each.service == service.name and each.router == service.router
    )
    return Table(
        "callers",
        "Called by",
        CALLERS,
        rows[:20],
        "from this node" if look.mesh is None else look.mesh.about,
        "not known",
        total=len(rows),
    )


def _errors(service: Service, seen: Seen) -> Table:
    found: list[tuple[Failure, str]] = [
        (failure, endpoint.address)
        for client in seen.clients_of(service)
        for endpoint in client.endpoints
        for failure in endpoint.errors
        if failure.service in ("", service.name)
    ]
    found.sort(key=lambda each: -each[0].when)
    rows = tuple(
        Row(
            f"{failure.when:.3f} {address}",
            {
                "time": strftime("%H:%M:%S", gmtime(failure.when)),
                "what": failure.what,
                "request": failure.request,
                "endpoint": address,
                "ms": failure.ms,
            },
            State.BAD,
        )
        for failure, address in found[:LAST]
    )
    note = ""
    if service.retries:
        note = "some were retried elsewhere, and their callers saw no failure"
    return Table("errors", "Last failures at its endpoints", ERRORS, rows, note, "none that is remembered")
