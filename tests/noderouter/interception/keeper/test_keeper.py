"""The state machine, with a backend that fails on demand: in doubt nothing is captured, and it is tried again."""

import io
from dataclasses import replace

import pytest

from noderouter.interception.keeper.errors import CommandFailed, InterceptError
from noderouter.interception.keeper.keeper import RETRY_SECONDS, STANDBY, WRITES, Keeper
from noderouter.interception.keeper.log import Log
from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.protocol import Pods, Services
from noderouter.interception.keeper.rules.nftables import table
from noderouter.interception.keeper.rules.ruleset import Ruleset
from noderouter.interception.keeper.state import ALIVE_MS
from tests.testing.intercept_state import GOOD, PODS, SERVICES, policy


class Faulty:
    """A packet filter in memory; `broken` names the methods that fail."""

    name = "faulty"

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.rules: Ruleset | None = None
        self.alive_ms = 0
        self.done: list[str] = []
        self.packets = 0

    def _does(self, what: str) -> None:
        self.done.append(what)
        if what in self.broken:
            raise CommandFailed(f"{what} failed")

    def describe(self, rules: Ruleset) -> str:
        return table(rules)

    def apply(self, rules: Ruleset, alive_ms: int) -> None:
        self._does("apply")
        self.rules, self.alive_ms, self.packets = rules, alive_ms, 0

    def change(self, _old: Ruleset, new: Ruleset, _alive_ms: int) -> None:
        self._does("change")
        self.rules = new

    def arm(self, _rules: Ruleset, alive_ms: int) -> None:
        self._does("arm")
        self.alive_ms = alive_ms

    def disarm(self, _rules: Ruleset) -> None:
        self._does("disarm")
        self.alive_ms = 0

    def remove(self) -> None:
        self._does("remove")
        self.rules = None

    def snapshot(self) -> str:
        return table(self.rules) if self.rules else ""

    def intact(self, _rules: Ruleset, snapshot: str) -> bool:
        return snapshot != ""

    def armed(self) -> bool:
        return self.alive_ms > 0

    def captured(self) -> int:
        return self.packets


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def backend():
    return Faulty()


@pytest.fixture
def clock():
    return Clock()


def keeper_of(backend, clock, **policies) -> Keeper:
    pod_links = PodLinks(lambda _address: None, lambda _interface: True)
    return Keeper(policy(**policies), backend, Log(io.StringIO()), pod_links=pod_links, clock=clock)


@pytest.fixture
def armed(backend, clock):
    keeper = keeper_of(backend, clock)
    keeper.install()
    assert keeper.pods(Pods(1, PODS)) == keeper.services(Services(1, SERVICES, frozenset())) == ""
    assert keeper.progress(GOOD) == ""
    assert keeper.armed
    assert backend.armed()
    return keeper


def test_what_cannot_be_installed_is_said(backend, clock):
    backend.broken = {"apply"}
    with pytest.raises(InterceptError):
        keeper_of(backend, clock).install()


def test_renewed_no_more_often_than_needed(armed, backend, clock):
    for _ in range(10):
        clock.now += 0.1
        assert armed.progress(GOOD) == ""
    assert 2 <= backend.done.count("arm") <= 4


def test_a_bad_word_is_not_the_end_but_silence_is(armed, backend, clock):
    clock.now += 0.5
    assert "no progress" in armed.progress(replace(GOOD, probe_age_ms=3000))
    assert armed.armed
    assert "disarm" not in backend.done
    clock.now += ALIVE_MS / 1000
    assert not armed.armed
    assert armed.counts.refusals == 1


def test_not_ready_is_the_end_at_once(armed, backend):
    assert "the dtab" in armed.progress(replace(GOOD, not_ready="the dtab is wrong"))
    assert not armed.armed
    assert not backend.armed()


def test_a_router_that_has_gone_has_to_tell_its_lists_again(armed, backend):
    armed.router_gone("gone", keep_lists=False)
    assert not backend.armed()
    assert "list of pods and services" in armed.progress(GOOD)
    armed.pods(Pods(1, PODS))
    armed.services(Services(1, SERVICES, frozenset()))
    assert armed.progress(GOOD) == ""


def test_a_change_that_is_refused_is_written_as_a_whole(armed, backend):
    backend.broken = {"change"}
    assert armed.pods(Pods(2, PODS[:1])) == ""
    assert backend.rules == armed.rules
    assert armed.armed


def test_a_change_that_cannot_be_written_disarms_until_it_can(armed, backend, clock):
    backend.broken = {"change", "apply"}
    assert "apply failed" in armed.pods(Pods(2, PODS[:1]))
    assert not armed.armed
    assert not backend.armed()
    assert "could not be written" in armed.progress(GOOD)
    assert not backend.armed()
    backend.broken = set()
    clock.now += RETRY_SECONDS / 2
    armed.tick()
    assert backend.rules != armed.rules
    clock.now += RETRY_SECONDS
    armed.tick()
    assert backend.rules == armed.rules
    assert armed.progress(GOOD) == ""
    assert armed.counts.failures == 1


def test_writing_does_not_prolong(armed, backend, clock):
    clock.now += 2.0
    backend.rules = None
    assert armed.reconcile() is True
    assert 0 < backend.alive_ms <= ALIVE_MS - 2000
    assert armed.counts.drift == 1


def test_rules_that_have_gone_are_found_when_the_switch_is_renewed(armed, backend, clock):
    real = backend.arm

    def arm(rules, alive_ms):
        if backend.rules is None:
            raise CommandFailed("no such table")
        real(rules, alive_ms)

    backend.arm = arm
    backend.rules = None
    clock.now += 1
    assert armed.progress(GOOD) == ""
    assert (armed.counts.drift, armed.armed, backend.alive_ms) == (1, True, ALIVE_MS)


def test_who_undoes_each_write_at_once_is_given_time(armed, backend, clock):
    def undone(_rules: Ruleset, _alive_ms: int) -> None:
        backend.done.append("undone")
        backend.rules = None

    real, backend.apply = backend.apply, undone
    backend.rules = None
    assert armed.reconcile() is True
    assert backend.done.count("undone") == WRITES
    assert (armed.armed, armed.counts.failures) == (False, 1)
    assert "could not be written" in armed.progress(GOOD)
    backend.apply = real
    clock.now += RETRY_SECONDS
    armed.tick()
    assert backend.rules == armed.rules
    assert armed.progress(GOOD) == ""
    assert armed.armed


def test_who_undoes_the_first_write_does_not_end_the_keeper(backend, clock):
    keeper, real = keeper_of(backend, clock), backend.apply
    backend.apply = lambda _rules, _alive_ms: None
    keeper.install()
    assert (keeper.owner, keeper.armed, keeper.counts.failures) == (True, False, 1)
    backend.apply = real
    clock.now += RETRY_SECONDS
    keeper.tick()
    assert backend.rules == keeper.rules


def test_no_difference_no_drift(armed, backend):
    before = len(backend.done)
    assert armed.reconcile() is False
    assert (armed.counts.drift, len(backend.done)) == (0, before)


def test_before_the_lock_is_ours_nothing_is_written(backend, clock):
    keeper = keeper_of(backend, clock)
    keeper.pods(Pods(1, PODS))
    keeper.services(Services(1, SERVICES, frozenset()))
    assert keeper.progress(GOOD) == STANDBY
    assert (keeper.armed, keeper.standby) == (False, clock.now + ALIVE_MS / 1000)
    assert keeper.reconcile() is False
    keeper.stop(leave=False)
    assert backend.done == []
    clock.now += 0.5
    keeper.install()
    assert backend.done == ["apply"]
    assert backend.alive_ms == ALIVE_MS - 500
    assert (keeper.armed, keeper.standby) == (True, None)


def test_a_take_over_that_fails_is_tried_again(backend, clock):
    keeper = keeper_of(backend, clock)
    keeper.pods(Pods(1, PODS))
    keeper.services(Services(1, SERVICES, frozenset()))
    keeper.progress(GOOD)
    backend.broken = {"apply"}
    keeper.install(retry=True)
    assert (keeper.owner, keeper.armed, keeper.counts.failures) == (True, False, 1)
    assert backend.done[-1] == "disarm", "what the predecessor has left is not armed for long"
    assert "could not be written" in keeper.progress(GOOD)
    backend.broken = set()
    clock.now += RETRY_SECONDS
    keeper.tick()
    assert backend.rules == keeper.rules
    assert keeper.progress(GOOD) == ""
    assert keeper.armed


def test_what_cannot_be_looked_at_may_refuse_and_stays_until_the_lists_are_there(backend, clock):
    keeper, look = keeper_of(backend, clock, closed=True), backend.snapshot

    def fails() -> str:
        raise CommandFailed("no answer")

    backend.snapshot = fails
    with pytest.raises(InterceptError):
        keeper.install()
    keeper.install(retry=True)
    clock.now += RETRY_SECONDS
    keeper.tick()
    assert (keeper.owner, backend.done) == (False, [])
    backend.snapshot = look
    keeper.pods(Pods(1, PODS))
    keeper.services(Services(1, SERVICES, frozenset()))
    assert (keeper.owner, backend.done) == (True, ["apply"])


def test_who_waits_stands_by_for_as_long_as_the_router_is_good(backend, clock):
    keeper = keeper_of(backend, clock)
    assert keeper.standby is None
    keeper.pods(Pods(1, PODS))
    keeper.services(Services(1, SERVICES, frozenset()))
    keeper.progress(GOOD)
    clock.now += ALIVE_MS / 1000
    assert keeper.standby is None
    keeper.progress(GOOD)
    assert keeper.standby is not None
    keeper.disarm("test")
    assert keeper.standby is None
    assert backend.done == []


def test_who_could_not_write_the_rules_is_no_successor(backend, clock):
    """It is tried before, since whoever gives them away cannot have them back."""
    tried, broken = [], [True]

    def rehearse() -> None:
        tried.append(clock.now)
        if broken:
            raise CommandFailed("not permitted")

    pod_links = PodLinks(lambda _address: None, lambda _interface: True)
    keeper = Keeper(policy(), backend, Log(io.StringIO()), pod_links=pod_links, clock=clock, rehearse=rehearse)
    keeper.pods(Pods(1, PODS))
    keeper.services(Services(1, SERVICES, frozenset()))
    for _ in range(4):
        assert keeper.progress(GOOD) == "cannot take over: not permitted"
        assert keeper.standby is None
        clock.now += RETRY_SECONDS / 2
    assert (len(tried), keeper.counts.failures) == (2, 2)
    broken.clear()
    for _ in range(4):
        assert keeper.progress(GOOD) == STANDBY
        assert keeper.standby is not None
        clock.now += RETRY_SECONDS / 2
    assert len(tried) == 3
    keeper.install()
    assert keeper.armed


def test_what_was_handed_over_is_left_alone(armed, backend, clock):
    """Also by a router that goes on talking, and by a change of pods."""
    before = list(backend.done)
    armed.hand_over()
    assert (armed.armed, armed.owner) == (False, False)
    armed.pods(Pods(2, ()))
    armed.disarm("test")
    armed.router_gone("test", keep_lists=False)
    armed.tick()
    clock.now += 60
    assert armed.reconcile() is False
    armed.stop(leave=False)
    assert backend.done == before


def test_the_end(armed, backend):
    armed.stop(leave=False)
    assert backend.done[-2:] == ["disarm", "remove"]


def test_the_end_with_a_successor(armed, backend):
    before = list(backend.done)
    armed.stop(leave=True)
    assert backend.done == before


@pytest.mark.parametrize("closed", [False, True])
def test_the_end_of_who_was_left_rules_and_has_not_taken_them_over(armed, backend, clock, closed):
    successor = keeper_of(backend, clock, closed=closed)
    armed.stop(leave=True)
    successor.stop(leave=False, inherited=True)
    assert (backend.rules is None) is not closed


def test_the_end_when_closed(backend, clock):
    keeper = keeper_of(backend, clock, closed=True)
    keeper.install()
    keeper.stop(leave=False)
    assert "remove" not in backend.done


def test_what_a_predecessor_refuses_is_refused_until_the_lists_are_there(backend, clock):
    before = keeper_of(backend, clock, closed=True)
    before.install()
    before.pods(Pods(1, PODS))
    before.services(Services(1, SERVICES, frozenset()))
    before.stop(leave=False)
    in_force = backend.rules
    backend.done.clear()

    keeper = keeper_of(backend, clock, closed=True)
    keeper.install()
    assert not keeper.owner
    assert "waiting for the list" in keeper.progress(GOOD)
    keeper.tick()
    assert not keeper.reconcile()
    keeper.services(Services(1, SERVICES, frozenset()))
    keeper.stop(leave=False)  # nothing is taken away by one that never had them
    assert (backend.rules, backend.done) == (in_force, [])
    keeper.pods(Pods(1, PODS[:1]))
    assert keeper.owner
    assert backend.rules != in_force
    assert keeper.progress(GOOD) == ""
    assert keeper.armed


def test_what_a_predecessor_refuses_stays_if_it_cannot_be_written_at_first(backend, clock):
    before = keeper_of(backend, clock, closed=True)
    before.install()
    before.pods(Pods(1, PODS))
    before.services(Services(1, SERVICES, frozenset()))
    before.stop(leave=False)
    keeper = keeper_of(backend, clock, closed=True)
    keeper.install()
    backend.broken = {"apply"}
    keeper.services(Services(1, SERVICES, frozenset()))
    assert "cannot write the rules" in keeper.pods(Pods(1, PODS[:1]))
    backend.broken = set()
    clock.now += RETRY_SECONDS
    keeper.tick()
    assert backend.rules == keeper.rules


def test_what_a_predecessor_left_that_refuses_nothing_is_replaced_at_once(armed, backend, clock):
    keeper_of(backend, clock).install()
    assert backend.rules is not None
    assert backend.rules.pods == 0


def test_captured_never_goes_back(armed, backend, clock):
    backend.packets = 7
    assert armed.captured() == 7
    backend.packets = 8
    assert armed.captured() == 7, "not asked for so soon"
    clock.now += 1
    assert armed.captured() == 8
    armed.backend.apply(armed.rules, 0)
    backend.packets = 2
    clock.now += 1
    assert armed.captured() == 10
