"""`/graph`: who calls whom, by this node's traffic; drawn, and as a table that says the same."""

from collections.abc import Sequence
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.query import MOST_ROWS, Query, number, words
from noderouter.admin.dashboard.seen import Call
from noderouter.admin.dashboard.verdict import FAILING, FAILURES, at, is_failing, is_slow, short
from noderouter.admin.dashboard.view import ORDER, Column, Edge, Field, Form, Graph, Kind, Link, Row, State, Table, View
from noderouter.admin.dashboard.whose import look_for
from noderouter.admin.state import AdminState
from noderouter.core.background import Pace

DRAWN: Final = 60
"""Boxes of a drawing: of more, what is wrong and its neighbours come first, then the busiest."""

COLUMNS: Final = (
    Column("source", "from", Kind.NAME, short="from"),
    Column("service", "to", Kind.NAME, short="to"),
    Column("word", "state", Kind.STATE, drop=1, wide=2),
    Column("rate", "req/s", Kind.RATE),
    Column("success", "success %", Kind.PERCENT, short="ok %"),
    Column("p99", "p99 ms of the service", Kind.MS, wide=2, short="p99 ms"),
)


async def view(state: AdminState, query: Query) -> View:
    """Return the edges; `of` a workload or service, up to `depth` steps away; `q` are words of either end."""
    return await shown(await look_for(state, query), query)


async def shown(look: Look, query: Query) -> View:
    """Return the edges of a look."""
    every = await edges_of(look)
    of = query.get("of", "")
    depth = number(query, "depth", 1, 1, 10)
    wanted = words(query)
    found = around(every, short(of), depth) if of else every
    found = [each for each in found if all(one in f"{each.source} {each.target}".lower() for one in wanted)]
    found.sort(key=lambda each: (ORDER[each.state], -(each.rate or 0.0), each.source, each.target))
    drawn = some(found, DRAWN)
    most = number(query, "n", MOST_ROWS, 1, MOST_ROWS)
    sources = len({each.source for each in every})
    left = len(found) - len(drawn)
    rows = tuple(_row(each) for each in found[:most])
    services = plural(len({each.target for each in every}), "service")
    whose = "this node" if look.mesh is None else look.mesh.about
    return View(
        "graph",
        "Who calls whom",
        about=f"{plural(len(every), 'edge')}, {plural(sources, 'source')}, {services}, last 60 s, {whose}",
        terse="graph: who calls whom",
        aside=f"last 60 s, {whose}",
        parts=(
            Graph("graph", "", tuple(drawn), f"{plural(left, 'edge')} are in the table only" if left else ""),
            Form(
                "filter",
                (Field("q", "filter edges", query.get("q", "")), Field("of", "around", of)),
                "Filter",
                search=True,
                note=f"{len(rows)} of {len(every)}",
            ),
            Table(
                "edges",
                "The same as a table",
                COLUMNS,
                rows,
                "worst first; success is the edge's own, latency the service's",
                "Nobody has called anybody in the last minute.",
                sortable=True,
                total=len(found),
            ),
        ),
        links=(
            *([Link("all edges of one", at("/graph", of=found[0].source, depth="2"))] if found else []),
            Link("drawn by graphviz", "curl '{}/graph?format=dot' | dot -Tsvg >graph.svg"),
            Link("the services", "/services"),
        ),
    )


async def edges_of(look: Look) -> list[Edge]:
    """Return the calls as edges, with what is known of their services."""
    pace = Pace()
    several = len(look.seen.routers) > 1
    found = []
    slow: dict[tuple[str, str], bool] = {}
    for call in look.seen.calls:
        service = look.seen.service(call.service, call.router)
        key = (call.service, call.router)
        if key not in slow:
            slow[key] = service is not None and not is_failing(service) and is_slow(service)
        state, word = call_state(call, slow[key])
        p99 = None if service is None else service.figures.p99
        path = at("/service", name=call.service, router=call.router if several else "")
        found.append(Edge(call.source, short(call.service), state, word, call.rate, call.success, p99, path))
        if pace.due():
            await pace.rest()
    return found


def call_state(call: Call, slow: bool) -> tuple[State, str]:
    """Return how an edge is, by its own requests: others of the same service may fail while these do not."""
    if call.success is not None and call.success < FAILING and call.failures >= FAILURES:
        return State.BAD, "failing"
    return (State.WARN, "slow") if slow else (State.OK, "ok")


def around(edges: Sequence[Edge], name: str, depth: int) -> list[Edge]:
    """Return the edges up to so many steps from a name, in either direction."""
    near = {name}
    for _ in range(depth):
        touched = [each for each in edges if each.source in near or each.target in near]
        near |= {end for each in touched for end in (each.source, each.target)}
    return [each for each in edges if each.source in near and each.target in near]


def some(edges: Sequence[Edge], most: int) -> list[Edge]:
    """Return the first edges, between so many names."""
    names: set[str] = set()
    found = []
    for each in edges:
        more = {each.source, each.target} - names
        if len(names) + len(more) <= most:
            names |= more
            found.append(each)
    return found


def _row(edge: Edge) -> Row:
    return Row(
        f"{edge.source} > {edge.target}",
        {
            "source": edge.source,
            "service": edge.target,
            "word": edge.word,
            "rate": edge.rate,
            "success": edge.success,
            "p99": edge.p99_ms,
        },
        edge.state,
    )
