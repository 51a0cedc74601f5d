"""The accrual machine: its table, state by state, and any order of events against a model."""

from math import inf

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL, Accrual, Counts, State
from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.retry.backoff import Backoff, Constant
from tests.testing.examples import examples


class Steps(Backoff):
    """1 s, 2 s, 3 s and so on."""

    def __init__(self):
        self.given = 0

    def next(self):
        self.given += 1
        return float(self.given)

    def reset(self):
        self.given = 0


def dead_at(now):
    accrual = ConsecutiveFailures(1, Steps())
    accrual.failure(now)
    return accrual


def test_alive():
    accrual = ConsecutiveFailures(1, Steps())
    assert accrual.state(0.0) is State.ALIVE
    assert accrual.available(0.0)
    assert accrual.probe(0.0) is False
    assert accrual.state(0.0) is State.ALIVE
    accrual.success(0.0)
    accrual.abandon(0.0)
    assert accrual.state(0.0) is State.ALIVE


def test_dead_until_the_backoff_has_passed():
    accrual = dead_at(100.0)
    assert accrual.state(100.9) is State.DEAD
    assert not accrual.available(100.9)
    assert accrual.state(101.0) is State.PROBE_OPEN
    assert accrual.available(101.0)
    assert (accrual.removals, accrual.removed_for_ms) == (1, 1000)


def test_exactly_one_probe():
    accrual = dead_at(100.0)
    assert accrual.probe(101.0) is True
    assert accrual.state(101.0) is State.PROBE_CLOSED
    assert not accrual.available(1e9)
    assert accrual.probe(1e9) is False
    assert accrual.probes == 1


def test_the_probe_succeeds():
    accrual = dead_at(100.0)
    accrual.probe(101.0)
    accrual.success(101.5)
    assert accrual.state(101.5) is State.ALIVE
    assert accrual.revivals == 1
    accrual.failure(102.0)
    assert accrual.opens_at == 103.0, "the backoff has begun again"


def test_the_probe_fails():
    accrual = dead_at(100.0)
    accrual.probe(101.0)
    accrual.failure(101.5)
    assert accrual.state(101.5) is State.DEAD
    assert accrual.opens_at == 103.5, "the next backoff"
    assert (accrual.removals, accrual.revivals, accrual.removed_for_ms) == (2, 0, 3000)


def test_a_failed_probe_needs_no_second_opinion_of_the_policy():
    accrual = ConsecutiveFailures(3, Steps())
    for _ in range(3):
        accrual.failure(100.0)
    accrual.probe(101.0)
    accrual.failure(101.0)
    assert accrual.state(101.0) is State.DEAD


def test_an_abandoned_probe_does_not_leave_the_node_stuck():
    accrual = dead_at(100.0)
    accrual.probe(101.0)
    accrual.abandon(150.0)
    assert accrual.state(150.0) is State.PROBE_OPEN
    assert accrual.probe(150.0) is True
    assert accrual.removals == 1, "nothing was learnt, so nothing is held against it"


@pytest.mark.parametrize("report", ["success", "failure", "abandon"])
def test_reports_from_before_its_death_do_not_count(report):
    accrual = dead_at(100.0)
    for now in (100.1, 101.1):
        getattr(accrual, report)(now)
        assert (accrual.opens_at, accrual.removals, accrual.revivals) == (101.0, 1, 0)


def test_fail_open_traffic_that_succeeds_revives():
    accrual = dead_at(100.0)
    assert accrual.probe(100.1) is False
    accrual.failure(100.2)
    assert (accrual.opens_at, accrual.removals) == (101.0, 1), "its failure is not news"
    accrual.success(100.3)
    assert accrual.state(100.3) is State.ALIVE
    accrual.failure(100.4)
    accrual.success(100.5)
    assert accrual.state(100.5) is State.DEAD, "dead anew, and nothing was sent since"


def test_what_was_sent_before_the_last_death_revives_nothing():
    accrual = dead_at(100.0)
    accrual.probe(101.0)
    accrual.probe(101.0)
    accrual.failure(101.1)
    accrual.success(101.2)
    assert accrual.state(101.2) is State.DEAD


def test_a_backoff_of_nothing_still_asks_for_a_probe():
    accrual = ConsecutiveFailures(1, Constant(0.0))
    accrual.failure(0.0)
    assert accrual.state(0.0) is State.DEAD
    assert accrual.state(0.001) is State.PROBE_OPEN


def test_without_a_policy_it_never_trips():
    for _ in range(1000):
        NO_ACCRUAL.failure(1.0)
    NO_ACCRUAL.success(1.0)
    assert NO_ACCRUAL.state(1.0) is State.ALIVE
    assert repr(NO_ACCRUAL) == "<Accrual opens_at=0 removals=0>"


def test_revives_without_a_policy_too():
    accrual = Accrual(Steps())
    accrual.opens_at = inf
    accrual.success(1.0)
    assert accrual.state(1.0) is State.ALIVE


def test_counts_are_summed():
    machines = [dead_at(1.0), dead_at(2.0)]
    machines[0].probe(5.0)
    machines[0].success(5.0)
    assert Counts(1, 1, 1, 5).plus(machines) == Counts(3, 2, 2, 2005)


class AccrualModel(RuleBasedStateMachine):
    """Any order of events, seen as the table of the module tells it."""

    def __init__(self):
        super().__init__()
        self.now = 50.0
        self.accrual = ConsecutiveFailures(2, Steps())
        self.state = State.ALIVE
        self.row = 0
        self.step = 0
        self.due = 0.0
        self.forced = False

    def die(self):
        self.step += 1
        self.due = self.now + self.step
        self.state = State.DEAD
        self.forced = False

    def revive(self):
        self.state = State.ALIVE
        self.step = self.row = 0

    @rule(seconds=st.sampled_from([0.25, 1.0, 7.5]))
    def wait(self, seconds):
        self.now += seconds
        if self.state is State.DEAD and self.due <= self.now:
            self.state = State.PROBE_OPEN

    @rule()
    def begin(self):
        assert self.accrual.probe(self.now) is (self.state is State.PROBE_OPEN)
        if self.state is State.PROBE_OPEN:
            self.state = State.PROBE_CLOSED
        elif self.state is not State.ALIVE:
            self.forced = True

    @rule()
    def success(self):
        self.accrual.success(self.now)
        self.row = 0
        if self.state is State.PROBE_CLOSED or (self.state is not State.ALIVE and self.forced):
            self.revive()
            self.forced = False

    @rule()
    def failure(self):
        self.accrual.failure(self.now)
        if self.state is State.ALIVE:
            self.row += 1
        if self.state is State.PROBE_CLOSED or (self.state is State.ALIVE and self.row == 2):
            self.die()

    @precondition(lambda self: self.state is State.PROBE_CLOSED)
    @rule()
    def abandon(self):
        self.accrual.abandon(self.now)
        self.state = State.PROBE_OPEN

    @invariant()
    def agrees(self):
        assert self.accrual.state(self.now) is self.state
        assert self.accrual.available(self.now) is (self.state in (State.ALIVE, State.PROBE_OPEN))
        alive = self.state is State.ALIVE
        assert (self.accrual.opens_at == 0.0) is alive
        assert self.accrual.removals >= self.accrual.revivals
        assert alive or self.accrual.removals > 0


AccrualModel.TestCase.settings = examples(50, stateful_step_count=30)
TestAccrualModel = AccrualModel.TestCase
