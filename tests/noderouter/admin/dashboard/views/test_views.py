"""What each view has, chooses and leaves out; `test_page` asks for all of them over the wire.

Covers `endpoints.py`, `graph.py`, `health.py`, `names.py`, `overview.py`, `service.py`, `services.py`, `settings.py`.
Covers `tables.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from dtab import Dtab
from noderouter.admin.dashboard.page import MakeView
from noderouter.admin.dashboard.query import BadQuery, NotThere
from noderouter.admin.dashboard.seen import Seen
from noderouter.admin.dashboard.view import Edge, Facts, Form, Graph, Lines, State, Table, Tree, View, Words
from noderouter.admin.dashboard.views import endpoints, graph, health, names, overview, service, services, settings
from noderouter.admin.state import AdminState
from noderouter.naming.interpreter.stored import StoredDtab
from tests.noderouter.admin.conftest import FakeRouter, MakeState
from tests.testing.dashboard import AT, CANARY, CART, DTAB, WEB, Shown, healthy, node

P = TypeVar("P")


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    return make_state(routers={"outgoing": FakeRouter(dtab=DTAB)}, looker=Shown(node(60)))


async def seen(make: MakeView, state: AdminState, /, **query: str) -> View:
    return await make(state, query)


def part(view: View, kind: type[P], key: str = "") -> P:
    (found,) = [each for each in view.parts if isinstance(each, kind) and key in ("", getattr(each, "key", ""))]
    return found


def column(view: View, key: str, table: str = "") -> list[Any]:
    return [row.cells[key] for row in part(view, Table, table).rows]


# Overview


async def test_the_overview_has_what_comes_first(state: AdminState) -> None:
    view = await seen(overview.view, state)
    assert view.title == "2 things are wrong, 3 to watch"
    assert column(view, "name", "services") == [
        "/svc/cart.shop", "/svc/inventory.shop", "/svc/search.shop", "/svc/web.shop",
        *(f"/svc/s{n}.more" for n in (0, 1, 10, 11)),
    ]  # fmt: skip
    assert part(view, Table, "services").note.startswith("8 of 64;")
    assert column(view, "address", "out") == ["10.8.2.41:8080"]
    assert [row.state for row in part(view, Table, "routers").rows] == [State.BAD]
    words = {fact.name: fact.word for fact in part(view, Facts).facts}
    assert words == {"dtab": "refused", "interception": "on", "watches": "stale", "process": "ok"}
    assert view.links[0].path == "/service?name=/svc/cart.shop"


async def test_the_overview_of_a_healthy_router(make_state: MakeState) -> None:
    view = await seen(overview.view, make_state(looker=Shown(healthy())))
    assert view.problems == ()
    assert view.title == "Nothing is wrong"
    assert view.about == "1 service, 1 endpoint"
    assert [row.state for row in part(view, Table, "routers").rows] == [State.OK]
    assert view.links[0].what == "the busiest service"


# Services


@pytest.mark.parametrize(
    ("query", "first", "number"),
    [
        ({}, "/svc/cart.shop", 64),
        ({"q": "CART"}, "/svc/cart.shop", 1),
        ({"q": "shop web"}, "/svc/web.shop", 1),
        ({"state": "slow"}, "/svc/search.shop", 1),
        ({"state": "ok", "n": "5"}, "/svc/s0.more", 5),
        ({"sort": "rate"}, "/svc/web.shop", 64),
        ({"sort": "p99"}, "/svc/search.shop", 64),
        ({"sort": "success"}, "/svc/cart.shop", 64),
        ({"sort": "retries"}, "/svc/cart.shop", 64),
        ({"sort": "name", "n": "1"}, "/svc/cart.shop", 1),
    ],
)
async def test_services_are_chosen_and_sorted(
    state: AdminState, query: Mapping[str, str], first: str, number: int
) -> None:
    found = column(await seen(services.view, state, **query), "name")
    assert (found[0], len(found)) == (first, number)


async def test_what_is_not_shown_is_counted(state: AdminState) -> None:
    view = await seen(services.view, state, n="5")
    assert (part(view, Table).total, part(view, Table).note) == (64, "5 of 64")
    assert part(view, Form).note == "5 of 64"
    empty = await seen(services.view, state, q="nothing")
    assert "None of 64 services is so" in part(empty, Table).empty
    assert view.about == "1 failing, 1 ejected, 1 slow, 1 canary, 60 ok"


async def test_services_of_several_routers(make_state: MakeState) -> None:
    both = node()
    incoming = replace(both.services[3], router="incoming")
    both = replace(
        both, services=(*both.services, incoming), routers=(*both.routers, replace(both.routers[0], label="incoming"))
    )
    routers = {"outgoing": FakeRouter(), "incoming": FakeRouter()}
    state = make_state(routers=routers, looker=Shown(both))
    view = await seen(services.view, state, router="incoming")
    assert column(view, "router") == ["incoming"]
    assert part(view, Table).rows[0].path == "/service?name=/svc/web.shop&router=incoming"
    one = await seen(service.view, state, name="/svc/web.shop", router="incoming")
    assert one.title == "/svc/web.shop"


# One service


async def test_a_service_with_its_endpoints_routes_callers_and_failures(state: AdminState) -> None:
    view = await seen(service.view, state, name="/svc/cart.shop")
    assert view.mono
    assert [each.word for each in view.problems] == ["failing"]
    assert column(view, "address", "endpoints")[0] == "10.8.3.17:8080"
    assert part(view, Table, "endpoints").rows[0].note == "answers 503 to 61 % of its requests"
    assert column(view, "client", "routes") == [CART]
    assert column(view, "source", "callers") == ["web.shop", "bff.mobile"]
    assert column(view, "request", "errors") == [f"POST /v1/cart/{n}/items" for n in range(3)]
    assert [line.label for line in part(view, Lines).lines] == ["req/s", "success %", "p99 ms", "p95 ms", "p50 ms"]
    assert part(view, Lines).lines[1].values[-1] == pytest.approx(82.8)


async def test_problems_of_its_endpoints_are_a_services_too(state: AdminState) -> None:
    view = await seen(service.view, state, name="/svc/inventory.shop")
    assert [each.word for each in view.problems] == ["ejected"]
    well = await seen(service.view, state, name="/svc/s1.more")
    assert [(each.state, each.text) for each in well.problems] == [(State.OK, "nothing wrong")]


async def test_a_service_that_is_not_there(state: AdminState) -> None:
    with pytest.raises(NotThere) as missing:
        await seen(service.view, state, name="/svc/card.shop")
    assert missing.value.nearest[0] == "/svc/cart.shop"
    with pytest.raises(BadQuery, match="such as"):
        await seen(service.view, state)


# Endpoints


async def test_endpoints_that_have_something_to_say_come_first(state: AdminState) -> None:
    view = await seen(endpoints.view, state)
    assert column(view, "word")[0] == "failing"
    assert set(column(view, "client")) == {CART, "/#/io.l5d.k8s/shop/http/inventory"}
    assert part(view, Table).total == 617
    every = await seen(endpoints.view, state, all="1")
    assert len(column(every, "address")) == 617
    assert len(column(await seen(endpoints.view, state, all="1", n="7"), "address")) == 7


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"client": CART}, 3), ({"service": "/svc/web.shop"}, 7), ({"service": "/svc/nope"}, 0),
        ({"state": "ejected"}, 1), ({"q": "x2k4q"}, 1), ({"q": "worker-5 503"}, 1), ({"client": "/#/x"}, 0),
    ],
)  # fmt: skip
async def test_endpoints_are_chosen(state: AdminState, query: Mapping[str, str], number: int) -> None:
    assert len(column(await seen(endpoints.view, state, **query), "address")) == number


# The graph


async def test_the_graph_and_its_table_say_the_same(state: AdminState) -> None:
    view = await seen(graph.view, state)
    edges = part(view, Graph).edges
    assert len(edges) == len(column(view, "rate")) == 6
    assert (edges[0].source, edges[0].target, edges[0].state) == ("web.shop", "cart.shop", State.BAD)
    assert (edges[0].success, edges[0].p99_ms) == (83.0, 80.0)  # its own; that of the service
    assert view.about == "6 edges, 5 sources, 5 services, last 60 s, this node"


async def test_the_graph_around_one(state: AdminState) -> None:
    near = await seen(graph.view, state, of="/svc/inventory.shop")
    assert column(near, "source") == ["cart.shop"]
    far = await seen(graph.view, state, of="inventory.shop", depth="2")
    assert set(column(far, "source")) == {"cart.shop", "web.shop", "bff.mobile"}
    assert column(await seen(graph.view, state, q="ingress"), "service") == ["web.shop"]


def test_a_drawing_is_bounded() -> None:
    edges = [Edge(f"s{n}", f"t{n}", State.OK, "ok", 1.0, 100.0, 1.0) for n in range(100)]
    assert len(graph.some(edges, 60)) == 30


# Names


async def test_names_shows_the_busiest_where_none_is_asked_for(state: AdminState) -> None:
    view = await seen(names.view, state)
    assert view.about.startswith(f"/svc/web.shop  →  {WEB}, {CANARY}. 212.4 req/s, ")
    assert column(view, "number", "dentries") == [4, 3, 2, 1]
    assert column(view, "used", "dentries") == ["*", "", "", "*"]
    assert column(view, "share", "branches") == pytest.approx([95.0, 5.0])
    draft = part(view, Form, "draft")
    assert (draft.post, draft.path) == (True, "/names")
    assert "/k8s => /#/io.l5d.k8s ;" in draft.fields[0].value


async def test_a_draft_stands_for_what_is_stored(make_state: MakeState) -> None:
    stored = StoredDtab("ConfigMap mesh/noderouter-dtab:dtab")
    stored.apply(Dtab.parse("/k8s => /#/io.l5d.k8s ;"))
    whole = Dtab.parse("/k8s => /#/io.l5d.k8s ; /svc/web.shop => /k8s/shop/http/web ;")
    state = make_state(routers={"out": FakeRouter(dtab=whole)}, stored_dtabs={"out": stored}, looker=Shown(healthy()))
    view = await seen(names.view, state, path="/svc/web.shop", dtab="/k8s => /#/nowhere ;")
    assert part(view, Form, "draft").fields[0].value == "/k8s => /#/nowhere ;"
    assert "-/k8s => /#/io.l5d.k8s ;\n+/k8s => /#/nowhere ;" in part(view, Words, "diff").text
    assert part(view, Tree, "draftDelegation").note.endswith("nowhere: no such name")
    assert view.aside == f"dtab {stored.hash}"


async def test_a_wrong_draft_is_kept_and_said_to_be_wrong(state: AdminState) -> None:
    view = await seen(names.view, state, path="/svc/x", dtab="/a = > /b")
    assert part(view, Facts, "error").facts[0].state is State.BAD
    assert part(view, Form, "draft").fields[0].value == "/a = > /b"
    with pytest.raises(BadQuery, match="path: "):
        await seen(names.view, state, path="no slash")


# Health


async def test_health_begins_with_what_is_wrong(state: AdminState) -> None:
    view = await seen(health.view, state)
    assert view.title == "Ready. 1 thing is wrong, 1 to watch"
    assert [each.word for each in view.problems] == ["refused", "stale"]
    assert column(view, "name", "watches") == ["pods/worker-3", "services/*"]
    assert "'=' expected" in part(view, Words, "refused").text
    assert column(view, "pod", "leftOut") == ["ops/node-exporter"]
    assert column(view, "used", "limits") == [45]


async def test_a_router_that_is_not_ready_says_why(make_state: MakeState) -> None:
    away: Seen = replace(healthy(), ready=False, reasons=("router out: no dtab yet",), capture=None, at=AT)
    view = await seen(health.view, make_state(looker=Shown(away)))
    assert view.title == "Not ready"
    assert view.problems[0].text == "router out: no dtab yet"
    assert ("router out", "no dtab yet") in [(each.name, each.text) for each in part(view, Facts).facts]


# Settings


async def test_the_configuration_is_shown_as_it_is(state: AdminState) -> None:
    view = await seen(settings.config, state)
    assert '"label": "out"' in part(view, Words).text
