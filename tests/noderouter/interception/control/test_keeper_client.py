"""The conversation with the keeper: what is told, in which order, how often, and what a broken one costs."""

from dataclasses import replace
from time import monotonic

import pytest
import trio

from noderouter.interception.control import keeper_client as client_module
from noderouter.interception.control.list_sync import DesiredList
from noderouter.interception.keeper.protocol import Disarm, Hello, Pods, Progress, Services, encode
from tests.noderouter.interception.control.conftest import captured, listed
from tests.testing.loop import until


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    """Progress is told ten times as often."""
    monkeypatch.setattr(client_module, "PROGRESS_SECONDS", 0.05)
    monkeypatch.setattr(client_module, "OVERDUE_SECONDS", 0.1)


def uids(message):
    return [pod.uid for pod in message.pods]


async def test_it_tells_everything_and_is_armed(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    assert keeper.heard[0] == Hello("test")
    assert isinstance(keeper.heard[1], Pods), "what may have gone leaves before anything else is said"
    assert uids(keeper.last(Pods)) == ["a"]
    assert telling.client.status.ready_once.is_set()
    assert telling.client.status.why == ""
    assert telling.log.events == ["intercept.connected", "intercept.armed"]
    assert telling.client.delays.total_count == 1


async def test_progress_is_told_before_the_lists_are_known(keeper, telling, nursery):
    telling.progress = replace(telling.progress, not_ready="pods are not listed yet")
    nursery.start_soon(telling.client.run)
    await until(lambda: keeper.count(Progress) >= 2)
    assert keeper.count(Pods) == keeper.count(Services) == 0
    assert telling.client.status.why == "pods are not listed yet"
    assert telling.log.events == ["intercept.connected", "intercept.not_armed"]


async def test_a_change_is_told_at_once_and_a_burst_of_them_as_one(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    await trio.sleep(client_module.PAUSE_SECONDS * 2)
    before, began = keeper.count(Pods), monotonic()
    for number in range(50):
        telling.client.want_pods(DesiredList((captured(f"b{number}"),)))
        await trio.sleep(0)
    await until(lambda: telling.pods.complete)
    assert uids(keeper.last(Pods)) == ["b49"]
    assert keeper.count(Pods) - before <= 2 + (monotonic() - began) / client_module.PAUSE_SECONDS
    generations = [each.generation for each in keeper.heard if isinstance(each, Pods | Services)]
    assert generations == sorted(set(generations))


async def test_progress_goes_on_between_many_changes(keeper, telling, nursery, monkeypatch):
    monkeypatch.setattr(client_module, "PAUSE_SECONDS", 0.0)
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    before, began, number = keeper.count(Progress), monotonic(), 0
    while keeper.count(Progress) < before + 2:
        assert monotonic() - began < 10
        number += 1
        telling.client.want_pods(DesiredList((captured(f"b{number}"),)))
        await trio.sleep(0)


async def test_everything_is_told_again_on_another_connection(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    keeper.heard.clear()
    keeper.cut()
    await until(lambda: not telling.client.status.armed)
    assert telling.client.status.why == "the keeper has closed the connection"
    await telling.armed()
    assert uids(keeper.last(Pods)) == ["a"]
    assert keeper.count(Services) == 1
    status = telling.client.status
    assert (status.disarms, status.connects) == (1, 2)


async def test_it_waits_for_a_keeper_for_ever_and_says_so_once(telling, nursery):
    nursery.start_soon(telling.client.run)
    await until(lambda: telling.log.events)
    await trio.sleep(0.5)
    assert telling.log.events == ["intercept.keeper_lost"]
    assert "no keeper at" in str(telling.log.fields[0]["why"])
    assert not telling.client.status.connected


async def test_another_router_is_connected(keeper, telling, nursery):
    keeper.answer = lambda _message: encode("error", {"message": "another router is connected"})
    nursery.start_soon(telling.client.run)
    await until(lambda: keeper.connections >= 3)
    assert telling.log.events == ["intercept.keeper_lost"]
    keeper.answer = keeper.usual
    telling.want()
    await telling.armed()


async def test_a_refused_list_is_told_once_and_the_last_good_one_stays(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()

    def refusing(message):
        if isinstance(message, Pods) and "bad" in uids(message):
            return encode("error", {"message": "`pods[1].uid` has to be something else"})
        return keeper.usual(message)

    keeper.answer = refusing
    telling.client.want_pods(DesiredList((captured("a"), captured("bad", "10.0.0.2"))))
    await until(lambda: telling.pods.refusals)
    await until(lambda: uids(keeper.last(Pods)) == ["a"])
    await telling.armed()
    assert sum("bad" in uids(each) for each in keeper.heard if isinstance(each, Pods)) == 1
    telling.client.want_pods(DesiredList((captured("bad", "10.0.0.2"),)))  # `a` has gone
    await until(lambda: telling.pods.refusals == 2)
    await until(lambda: uids(keeper.last(Pods)) == [])
    await telling.armed()


async def test_a_keeper_that_refuses_everything_is_not_pestered(keeper, telling, nursery):
    keeper.answer = lambda message: (
        encode("error", {"message": "no"}) if isinstance(message, Pods) else keeper.usual(message)
    )
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await until(lambda: telling.pods.refusals)
    with trio.move_on_after(1.5):
        number = 0
        while True:  # whatever changes
            number += 1
            telling.client.want_pods(DesiredList((captured(f"b{number}"),)))
            await trio.sleep(0.01)
    assert keeper.connections <= 8
    assert telling.client.status.connected or "refused" in telling.client.status.why


async def test_the_kernel_does_not_follow(keeper, telling, nursery):
    wrong = "cannot change the rules: no space"

    def failing(message):
        match message:
            case Pods(generation) | Services(generation):
                return encode("applied", {"generation": generation, "error": wrong})
            case Progress():
                return encode("state", {"armed": False, "why": "the rules could not be written; see the log"})
        return keeper.usual(message)

    keeper.answer = failing
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await until(lambda: telling.client.status.not_in_force == wrong)
    await until(lambda: keeper.count(Progress) >= 2)
    assert telling.log.events == ["intercept.connected", "intercept.not_in_force", "intercept.not_armed"]
    assert telling.client.delays.total_count == 0
    keeper.answer = keeper.usual  # it has tried again by itself
    await telling.armed()
    assert telling.client.status.not_in_force == ""


async def test_an_answer_to_another_list_ends_it(keeper, telling, nursery):
    keeper.answer = lambda message: (
        encode("applied", {"generation": 99}) if isinstance(message, Pods) else keeper.usual(message)
    )
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await until(lambda: "applied 99" in telling.client.status.why)
    assert not telling.pods.complete


@pytest.mark.parametrize("answer", [b"nonsense\n", b'{"v":1,"type":"state","armed":1,"why":""}\n', b"x" * 70_000])
async def test_a_broken_keeper_is_never_believed(keeper, telling, nursery, answer):
    keeper.answer = lambda message: answer if isinstance(message, Progress) else keeper.usual(message)
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await until(lambda: keeper.connections >= 3)
    assert not telling.client.status.ready_once.is_set()
    assert telling.log.events.count("intercept.keeper_lost") <= keeper.connections


async def test_armed_without_renewal_is_armed_still(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    lags = encode("state", {"armed": True, "why": "the reactor lags 1200 ms behind"})
    keeper.answer = lambda message: lags if isinstance(message, Progress) else keeper.usual(message)
    await until(lambda: telling.client.status.why)
    assert telling.client.status.armed
    keeper.answer = lambda message: (
        encode("state", {"armed": False, "why": f"the reactor lags {keeper.count(Progress)} ms behind"})
        if isinstance(message, Progress)
        else keeper.usual(message)
    )
    await until(lambda: not telling.client.status.armed)
    seen = keeper.count(Progress)
    await until(lambda: keeper.count(Progress) > seen + 1)
    assert telling.log.events == ["intercept.connected", "intercept.armed", "intercept.disarmed"]
    assert telling.client.status.disarms == 1


async def test_closing_disarms_and_waits_for_what_is_on_its_way(keeper, telling, nursery):
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    assert await telling.client.close() == client_module.ON_THE_WAY_SECONDS
    assert keeper.heard[-1] == Disarm()
    assert telling.client.status.why == "the router is shutting down"
    await trio.sleep(0.1)
    assert keeper.heard[-1] == Disarm(), "nothing is said after that"


async def test_closing_before_anything_was_captured_takes_no_time(keeper, telling, nursery):
    nursery.start_soon(telling.client.run)
    await until(lambda: telling.client.status.connected)
    assert await telling.client.close() == 0.0


async def test_closing_without_a_keeper_takes_no_time(telling, nursery):
    nursery.start_soon(telling.client.run)
    await until(lambda: telling.log.events)
    began = trio.current_time()
    assert await telling.client.close() == 0.0
    assert trio.current_time() - began < 1.0


async def test_closing_with_a_keeper_that_is_silent_waits_for_the_switch(keeper, telling, nursery, monkeypatch):
    monkeypatch.setattr(client_module, "DISARM_SECONDS", 0.2)
    telling.want(captured("a"))
    nursery.start_soon(telling.client.run)
    await telling.armed()
    keeper.answer = lambda message: None if isinstance(message, Disarm) else keeper.usual(message)
    left = await telling.client.close()
    assert 1.5 < left <= 3.5
    nursery.cancel_scope.cancel()


async def test_destinations_are_told_with_what_is_never_captured(keeper, telling, nursery):
    nursery.start_soon(telling.client.run)
    api = listed("192.0.2.1").service.address
    telling.want(captured("a"))
    telling.client.want_services(DesiredList((listed("10.96.0.10"), listed("10.96.0.11", 5432)), frozenset({api})))
    await telling.armed()
    last = keeper.last(Services)
    assert [(str(each.address), each.port) for each in last.services] == [("10.96.0.10", 80), ("10.96.0.11", 5432)]
    assert last.never == {api}
