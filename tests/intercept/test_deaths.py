"""Under load: reloads, draining, restarts and kills, on each kind of rules."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.cluster.any_cluster import until
from tests.intercept import measure
from tests.intercept.configuration import GRACE_MS
from tests.intercept.conftest import ON_EACH_BACKEND
from tests.intercept.measure import GOOD, counted, under_load
from tests.intercept.mesh_node import FAMILIES, MARKS
from tests.intercept.objects import Port
from tests.intercept.world import World
from tests.testing.busy import BUSY_SECONDS

pytestmark = [pytest.mark.root, ON_EACH_BACKEND]

RELOADS = 100
TIMER_SECONDS = 3.0


def test_a_hundred_reloads_miss_and_break_nothing(world: World, state):
    node = world.node
    before = node.status()["generation"]
    with under_load(world) as flow:
        flow.more()
        for change in changes(world):
            generation = node.status()["generation"]
            change()
            until(lambda generation=generation: node.status()["generation"] > generation)
        flow.more()
    requests = flow.requests()
    reloads = node.status()["generation"] - before
    state(f"{reloads} reloads; {counted(requests)}")
    assert reloads >= RELOADS
    assert {one.outcome for one in requests} == {"routed"}
    assert not [one for one in requests if one.again], "a kept connection was broken"
    assert node.status()["drift"] == 0


def changes(world: World) -> Iterator[Callable[[], object]]:
    """A hundred changes of what is captured: services and pods that come and go."""
    objects, space = world.node.objects, world.node.space
    for number in range(RELOADS // 4):
        name = f"reload-{number}"
        yield partial(objects.service, space, name, [Port("http", 80, 80), Port("tcp", 81, 81)])
        yield partial(objects.pod, space, name, world.node.name, MARKS)
        yield partial(objects.delete, f"/api/v1/namespaces/{space}/services/{name}")
        yield partial(objects.delete_pod, space, name)


def test_a_router_that_drains_fails_nothing_and_its_successor_captures_again(world: World, state):
    router = world.node.router
    with under_load(world) as flow:
        flow.more()
        since = time.monotonic()
        router.terminate()
        flow.until(lambda found: [one.outcome for one in found if one.kind == "fresh"][-20:] == ["direct"] * 20)
        direct = next(one.began for one in flow.requests() if one.outcome == "direct") - since
        assert router.ended() == 0
        flow.more()
        gone = time.monotonic()
        world.start_router()
        armed = world.node.until_armed()
        flow.until(lambda found: [one.outcome for one in found if one.kind == "fresh"][-20:] == ["routed"] * 20)
    requests = flow.requests()
    slowest = max(one.took for one in requests if one.outcome == "routed" and one.began > gone)
    state(
        f"direct {direct:.2f} s after SIGTERM, captured again {armed - gone:.2f} s after a start, "
        f"its first request took {slowest * 1000:.0f} ms; {counted(requests)}"
    )
    assert {one.outcome for one in requests if one.kind != "lines"} <= GOOD
    # What is no HTTP cannot be told to come again: it goes on for as long as the router may take, then it is cut.
    cut = [one for one in requests if one.kind == "lines" and one.outcome not in GOOD]
    assert len(cut) <= len(FAMILIES)
    assert all(one.ended > since + GRACE_MS / 1000 for one in cut)
    assert {one.outcome for one in requests if one.kind == "fresh" and one.began > armed} == {"routed"}


def test_a_router_that_is_killed_is_passed_by(world: World, state):
    taken = measure.router_killed(world)
    state(f"direct after {taken.seconds:.2f} s; {counted(taken.requests)}")
    assert taken.seconds < TIMER_SECONDS + BUSY_SECONDS
    assert {one.outcome for one in taken.requests} <= {*GOOD, "refused", "reset", "closed"}
    assert world.get(world.client, world.hello)["via"], "captured again"


def test_router_and_keeper_that_are_killed_are_passed_by(world: World, state):
    taken = measure.both_killed(world)
    state(f"direct after {taken.seconds:.2f} s; {counted(taken.requests)}")
    assert taken.seconds < TIMER_SECONDS + BUSY_SECONDS
    assert {one.outcome for one in taken.requests} <= {*GOOD, "refused", "reset", "closed"}
    assert world.get(world.client, world.hello)["via"], "captured again"


def test_a_router_that_hangs_is_passed_by(world: World, state):
    taken = measure.router_hangs(world)
    state(f"direct after {taken.seconds:.2f} s, and who hung was answered")
    assert taken.seconds < TIMER_SECONDS + BUSY_SECONDS


def test_a_keeper_that_ends_fails_nothing_and_its_successor_captures_again(world: World, state):
    with under_load(world) as flow:
        flow.more()
        since = time.monotonic()
        world.node.keeper.terminate()
        assert world.node.keeper.ended() == 0
        until(lambda: flow.outcomes(since)["direct"] > 50)
        world.start_keeper()
        world.node.until_armed()
        flow.more()
    requests = flow.requests()
    state(counted(requests))
    assert {one.outcome for one in requests} <= GOOD
    assert {one.outcome for one in requests if one.kind != "fresh"} == {"routed"}, "established ones stay"
