"""Events are written once, not too many of them, and nobody waits for them."""

import pytest
import trio

from noderouter.kubernetes import event_recorder as module
from noderouter.kubernetes.event_recorder import WAITING, EventDraft, EventRecorder
from tests.testing.loop import until

ABOUT = {"metadata": {"name": "routes", "namespace": "mesh", "uid": "u", "resourceVersion": "7"}}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "SPREAD", 0.0)
    monkeypatch.setattr(module, "MAX_PAUSE", 0.01)


@pytest.fixture
def recorder(cluster, nursery, log):
    return EventRecorder(cluster.api, nursery.start_soon, log, "n1")


def draft(number):
    return EventDraft(ABOUT, "DtabInvalid", f"line {number}", str(number))


def written(server):
    things = [thing for (plural, _, _), thing in server.store.objects.items() if plural == "events"]
    return sorted(thing["message"] for thing in things)


def posts(server):
    return len([each for each in server.requests if each.startswith("POST")])


async def test_they_are_written(server, recorder):
    for number in (1, 2):
        recorder.record(draft(number))
    await until(lambda: written(server) == ["line 1", "line 2"])
    await until(lambda: not recorder._running)
    recorder.record(draft(3))
    await until(lambda: len(written(server)) == 3)


async def test_the_same_is_said_once(server, recorder, log):
    for _ in range(3):
        recorder.record(draft(1))
    await until(lambda: posts(server) == 3)
    assert written(server) == ["line 1"]
    assert log.events == []


async def test_of_all_nodes_the_first_says_it(server, cluster, nursery, recorder, log):
    other = EventRecorder(cluster.api, nursery.start_soon, log, "n2")
    for each in (recorder, other):
        each.record(draft(1))
    await until(lambda: posts(server) == 2)
    assert written(server) == ["line 1"]
    assert log.events == []


async def test_of_too_many_the_newest_are_written(server, recorder):
    for number in range(10, 60):
        recorder.record(draft(number))
    await until(lambda: not recorder._running)
    assert written(server) == [f"line {number}" for number in range(60 - WAITING, 60)]


async def test_an_outage_is_survived(server, nursery, recorder, log):
    server.faults.refuse(503, "POST", times=3)
    recorder.record(draft(1))
    await until(lambda: written(server) == ["line 1"])
    assert posts(server) == 4
    assert log.events == []


async def test_what_never_works_is_given_up(server, recorder, log, monkeypatch):
    monkeypatch.setattr(module, "TRIES", 3)
    server.faults.refuse(500, "POST")
    for number in (1, 2):
        recorder.record(draft(number))
    await until(lambda: not recorder._running, 20)
    assert posts(server) == 6
    assert log.events == ["kubernetes.event_refused"]


async def test_without_the_right_it_is_said_once_until_it_works_again(server, recorder, log):
    server.faults.refuse(403, "POST")
    for number in (1, 2):
        recorder.record(draft(number))
    await until(lambda: not recorder._running)
    assert posts(server) == 2
    assert log.events == ["kubernetes.event_refused"]
    server.faults.accept()
    recorder.record(draft(3))
    await until(lambda: written(server) == ["line 3"])
    server.faults.refuse(403, "POST")
    recorder.record(draft(4))
    await until(lambda: len(log.events) == 2)


async def test_it_ends_with_the_router(server, recorder, nursery):
    server.faults.refuse(503, "POST")
    recorder.record(draft(1))
    await until(lambda: posts(server))
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await until(lambda: not recorder._running)
