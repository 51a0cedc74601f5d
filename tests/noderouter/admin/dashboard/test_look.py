"""From the tree of metrics to plain values.

Covers `seen.py`.
"""

from array import array
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from dtab import Dtab
from noderouter.admin.dashboard.look import SAMPLE_SECONDS, SHARED_SECONDS, Looker, course_of, figures_of
from noderouter.admin.dashboard.seen import Client, Course, Figures
from noderouter.admin.state import AdminState
from noderouter.naming.interpreter.stored import StoredDtab
from noderouter.naming.interpreter.whatif import Moved
from noderouter.naming.stored.text import TextError
from noderouter.telemetry.history import History, Slot
from noderouter.telemetry.tree import MetricsTree, Scope
from tests.noderouter.admin.conftest import FakeRouter, MakeState
from tests.testing.dashboard import CART, WEB, endpoint

HELLO = "/#/io.l5d.fs/hello"


def slot(requests: int, failures: int = 0) -> Slot:
    return Slot(requests, failures, array("I", [20, requests]), 0.001, 0.002)


def counted(scope: Scope, requests: int, failures: int = 0) -> None:
    """Have a scope look as if so many requests had ended in the last minute."""
    stats = scope.requests()
    stats.history = History()
    for _ in range(6):
        stats.history.write(slot(requests // 6, failures // 6))


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    metrics = MetricsTree()
    router = FakeRouter()
    router.leads = {"/svc/hello": [(HELLO, 1.0)]}
    router.seen = [Client(HELLO, "out", (endpoint("10.0.0.7:80", HELLO),))]
    counted(metrics.scope("rt", "out", "server", "0.0.0.0/4140"), 600, 60)
    metrics.scope("rt", "out", "server", "0.0.0.0/4140").gauge("connections", lambda: 3)
    counted(metrics.scope("rt", "out", "service", "svc/hello"), 600, 60)
    counted(metrics.scope("rt", "out", "client", "#/io.l5d.fs/hello"), 660, 120)
    return make_state(metrics=metrics, routers={"out": router})


async def look(state: AdminState) -> Any:
    return (await state.looker.look(state)).seen


async def test_services_with_where_they_lead(state: AdminState) -> None:
    scope = state.metrics.scope("rt", "out", "service", "svc/hello")
    scope.requests().pending = 2
    scope.gauge("retries/budget", lambda: 100)
    seen = await look(state)
    (found,) = seen.services
    assert (found.name, found.router, found.pending, found.budget) == ("/svc/hello", "out", 2, 100)
    assert found.figures.requests == 600
    assert found.figures.success == 90.0
    assert found.figures.rate == 10.0
    assert found.course.rate[-1] == 10.0
    assert found.course.failures[-1] == 10.0
    assert found.course.failures[0] is None
    assert [(each.client, each.share, each.figures.requests) for each in found.branches] == [(HELLO, 1.0, 660)]
    assert seen.clients_of(found) == list(seen.clients)
    assert seen.users(seen.clients[0]) == [found]
    assert seen.clients[0].figures.failures == 120
    assert seen.service("/svc/hello") == seen.service("/svc/hello", "out") == found
    assert seen.service("/svc/hello", "in") is None
    assert seen.endpoints == 1


async def test_a_router_is_the_sum_of_its_servers(state: AdminState) -> None:
    counted(state.metrics.scope("rt", "out", "server", "0.0.0.0/4143"), 300, 30)
    (router,) = (await look(state)).routers
    assert router.listens == ("0.0.0.0/4140", "0.0.0.0/4143")
    assert (router.figures.requests, router.figures.failures, router.figures.rate) == (900, 90, 15.0)
    assert router.course.rate[-1] == 15.0
    assert router.course.failures[-1] == 10.0
    assert router.connections == 3


async def test_nothing_is_made_by_looking(state: AdminState) -> None:
    before = len(list(state.metrics.samples()))
    await look(state)
    assert len(list(state.metrics.samples())) == before
    empty = replace(state, metrics=MetricsTree(), looker=Looker())
    seen = await look(empty)
    assert seen.services == ()
    assert seen.routers[0].figures == Figures()
    assert len(list(empty.metrics.samples())) == 1


async def test_a_look_is_shared(state: AdminState, autojump_clock: MockClock) -> None:
    first = await state.looker.look(state)
    assert await state.looker.look(state) is first
    await trio.sleep(SHARED_SECONDS)
    assert await state.looker.look(state) is not first
    assert state.looker.made == 2
    assert repr(state.looker) == "<Looker made=2>"


async def test_retries_are_known_from_the_second_look_on(state: AdminState, autojump_clock: MockClock) -> None:
    total = [100]
    state.metrics.scope("rt", "out", "service", "svc/hello").tally("retries/total", lambda: total[0])
    assert (await look(state)).services[0].retries is None
    await trio.sleep(SAMPLE_SECONDS)
    total[0] = 130
    seen = await look(state)
    assert seen.services[0].retries == pytest.approx(3.0)
    assert seen.routers[0].retries == pytest.approx(3.0)
    await trio.sleep(1000)  # nobody has looked for a while: what was is no rate of now
    await look(state)
    await trio.sleep(SAMPLE_SECONDS)
    total[0] = 140
    assert (await look(state)).services[0].retries == pytest.approx(1.0)


async def test_watches_tables_interception_and_limits(state: AdminState) -> None:
    watch = state.metrics.scope("kubernetes", "in-cluster", "watch", "services/*")
    for name, value in (("streaming", 1.0), ("last_event_age_seconds", 3.0), ("failing_seconds", 0.0)):
        watch.gauge(name, lambda value=value: value)
    watch.tally("events", lambda: 7)
    state.metrics.gauge("process/open_fds", lambda: 20)
    state.metrics.gauge("process/max_fds", lambda: 100)
    state.metrics.gauge("overload/shedding", lambda: 0.25)
    stored = StoredDtab("ConfigMap mesh/d")
    stored.apply(Dtab.parse("/a => /b ;"))
    stored.refuse(TextError("no", 1, 2))
    stored.moved["out"] = Moved(2, 1, 0.5, 0.0, 0.0)
    intercept = {
        "armed": True, "why": "", "notInForce": "",
        "keeper": {"backend": "nftables"}, "probe": {"ms": 0.8, "error": None},
        "pods": [{"pod": "a/b", "captured": True, "why": ""}, {"pod": "a/c", "captured": False, "why": "hostNetwork"}],
    }  # fmt: skip
    seen = await look(
        replace(state, stored_dtabs={"out": stored}, states={"/intercept.json": lambda: intercept}, looker=Looker())
    )
    assert [(each.name, each.streaming, each.age, each.events) for each in seen.watches] == [
        ("services/*", True, 3.0, 7)
    ]
    (table,) = seen.tables
    assert (table.router, table.place, table.entries, table.error) == (
        "out",
        "ConfigMap mesh/d",
        1,
        "line 1, column 2: no",
    )
    assert table.moved == Moved(2, 1, 0.5, 0.0, 0.0)
    assert seen.capture.left_out == (("a/c", "hostNetwork"),)
    assert {each.name: (each.used, each.most) for each in seen.limits}["files"] == (20, 100)
    assert seen.shedding == 0.25


async def test_a_router_without_metrics_is_still_there(make_state: MakeState) -> None:
    seen = await look(make_state())
    assert [each.label for each in seen.routers] == ["out"]


def test_no_history_is_no_figures() -> None:
    assert figures_of(None) == Figures()
    assert Figures().success is None
    assert course_of(None) == Course()


def test_a_client_serves_with_what_is_not_out() -> None:
    found = Client(CART, "out", (endpoint("1", CART), endpoint("2", WEB, out="ejected")))
    assert found.serving == 1
    assert found.endpoints[0].key != found.endpoints[1].key


async def test_what_is_wrong_is_found_on_the_way(state: AdminState) -> None:
    found = await state.looker.look(state)
    assert [(each.word, each.what) for each in found.problems] == [("failing", "/svc/hello")]
