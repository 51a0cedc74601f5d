"""`/`: what is wrong, and the figures of the whole router."""

from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.query import Query
from noderouter.admin.dashboard.seen import Router
from noderouter.admin.dashboard.verdict import FAILING, FAILURES, at, counted, headline
from noderouter.admin.dashboard.view import Column, Fact, Facts, Kind, Link, Row, State, Table, View
from noderouter.admin.dashboard.views.health import dtab_facts, interception_fact, process_fact, watches_fact
from noderouter.admin.dashboard.views.nodes import SOME, facts, nodes_table
from noderouter.admin.dashboard.views.tables import out_of_service, ranked_services, services_table
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.state import AdminState

SHOWN: Final = 8
"""Services on the overview."""

COLUMNS: Final = (
    Column("name", "router", Kind.NAME, short=""),
    Column("word", "state", Kind.STATE, drop=5),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p50", "p50 ms", Kind.MS, wide=3, short="p50"),
    Column("p95", "p95 ms", Kind.MS, wide=3, short="p95"),
    Column("p99", "p99 ms", Kind.MS, short="p99"),
    Column("line", "p99, 10 min", Kind.LINE, drop=2, wide=2),
    Column("rates", "rate, 10 min", Kind.LINE, drop=6, wide=3),
    Column("pending", "in flight", Kind.COUNT, drop=1, wide=3, short="now"),
    Column("connections", "connections", Kind.COUNT, drop=1, wide=4, short="conns"),
    Column("retries", "retries/s", Kind.RATE, drop=1, wide=4, short="retry/s"),
)


async def view(state: AdminState, query: Query) -> View:
    """Return the overview."""
    return await shown(await look_for(state, query), several=state.mesh is not None)


async def shown(look: Look, *, several: bool = False) -> View:
    """Return the overview of a look; `several` where the router knows the others."""
    seen = look.seen
    ranked = await ranked_services(seen)
    first = next((each for each in look.problems if each.path.startswith("/service?")), None)
    name = first.what if first else ranked[0][0].name if ranked else ""
    note = "what is wrong first, then the busiest"
    if len(ranked) > SHOWN:
        note = f"{SHOWN} of {len(ranked)}; {note}"
    return View(
        "overview",
        headline(look.problems),
        about=about(look),
        terse="",
        aside=counted(look.problems),
        problems=look.problems[:20],
        parts=(
            Table(
                "routers",
                "Routers",
                COLUMNS,
                tuple(_row(each, look) for each in seen.routers),
                "last 60 s; p50 p95 p99 in ms",
            ),
            await services_table(
                seen,
                ranked[:SHOWN],
                note=note,
                total=len(ranked),
                more=Link("all services", "/services"),
                sortable=False,
            ),
            out_of_service(look),
            *(() if look.mesh is None else (nodes_table(look.mesh, SOME, more=True),)),
            Facts("health", "Health", tuple(_health(look)), more=Link("everything", "/health")),
        ),
        links=_links(name, bool(first), several and look.mesh is None),
    )


def _row(router: Router, look: Look) -> Row:
    figures, course = router.figures, router.course
    success = figures.success
    mine = [each for each in look.problems if each.router == router.label and each.path.startswith("/service?")]
    state, word = State.OK, "ok"
    if success is not None and success < FAILING and figures.failures >= FAILURES:
        state, word = State.BAD, "failing"
    elif any(each.state is State.BAD for each in mine):
        state, word = State.BAD, "a service fails"
    return Row(
        router.label,
        {
            "name": router.label,
            "word": word,
            "rate": figures.rate,
            "success": success,
            "p50": figures.p50,
            "p95": figures.p95,
            "p99": figures.p99,
            "line": course.p99,
            "rates": course.rate,
            "pending": router.pending,
            "connections": router.connections,
            "retries": router.retries,
        },
        state,
    )


def _health(look: Look) -> list[Fact]:
    seen = look.seen
    if look.mesh is not None:
        return [*facts(look.mesh), *dtab_facts(seen)]
    found = [*dtab_facts(seen), interception_fact(seen), watches_fact(seen), process_fact(seen)]
    return [each for each in found if each is not None]


def _links(name: str, failing: bool, several: bool) -> tuple[Link, ...]:
    found = []
    if name:
        found.append(Link("the failing service" if failing else "the busiest service", at("/service", name=name)))
    found.append(Link("all services", "/services"))
    found.append(Link("every instance", "/endpoints"))
    if name:
        found.append(Link("where a name goes, why", at("/names", path=name)))
    found.append(Link("who calls whom", "/graph"))
    found.append(Link("again every 2 s", "/?watch=2"))
    if several:
        found.append(Link("the same of all nodes", "/?nodes=all"))
    found.append(Link("any view as JSON", "curl -H accept:application/json {}/"))
    return tuple(found)


def about(look: Look) -> str:
    """Return the router in a line: `45 services, 138 endpoints`."""
    seen, of = look.seen, "" if look.mesh is None else f"{look.mesh.about}, "
    return f"{of}{plural(len(seen.services), 'service')}, {plural(seen.endpoints, 'endpoint')}"
