"""What all balancers have in common: keys, and invariants under any order of events."""

from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import ValidationError

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.retry.backoff import Constant
from noderouter.schema.kind import kind_field, kinds_in
from noderouter.schema.linkerd_keys import KINDS
from tests.testing.examples import examples

PACKAGE = "noderouter.proxy.balancer"
FIELD = kind_field(BalancerKind, PACKAGE, "p2c")
NAMES = sorted(kinds_in(PACKAGE, BalancerKind))


def test_every_kind_of_linkerd_is_built():
    assert set(NAMES) == KINDS["balancer"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_probation_is_refused_with_its_reason(name):
    assert FIELD.validate({"kind": name, "enableProbation": False}).enableProbation is False
    with pytest.raises(ValidationError, match="addresses that discovery has removed"):
        FIELD.validate({"kind": name, "enableProbation": True})


@pytest.mark.parametrize("name", [name for name in NAMES if name != "heap"])
def test_effort_is_at_least_one(name):
    with pytest.raises(ValidationError, match="maxEffort"):
        FIELD.validate({"kind": name, "maxEffort": 0})


def test_heap_makes_no_effort():
    with pytest.raises(ValidationError, match="maxEffort"):
        FIELD.validate({"kind": "heap", "maxEffort": 5})


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_pick_from(name):
    balancer = FIELD.validate({"kind": name}).build(Random(1))
    assert balancer.pick(0.0) is None
    balancer.update([Node(1)])
    balancer.update([])
    assert balancer.pick(0.0) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_fails_open(name, size):
    balancer = FIELD.validate({"kind": name}).build(Random(1))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(size)]
    balancer.update(nodes)
    for node in nodes:
        node.accrual.failure(0.0)
    picked = set()
    for _ in range(200):
        node = balancer.pick(1.0)
        assert node is not None
        balancer.begin(node, 1.0)
        picked.add(node)
    if name != "aperture":
        assert picked == set(nodes), "the load is spread as if all were alive"


@pytest.mark.parametrize("name", NAMES)
def test_the_only_node_that_is_left_gets_everything(name):
    balancer = FIELD.validate({"kind": name}).build(Random(1))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(100)]
    balancer.update(nodes)
    for node in nodes[1:]:
        node.accrual.failure(0.0)
    for _ in range(200):
        node = balancer.pick(1.0)
        assert node is nodes[0]
        balancer.begin(node, 1.0)


@pytest.mark.parametrize("name", NAMES)
def test_one_probe_among_live_nodes(name):
    balancer = FIELD.validate({"kind": name}).build(Random(1))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(1.0))) for n in range(2)]
    balancer.update(nodes)
    nodes[0].accrual.failure(0.0)
    probes = 0
    for _ in range(200):
        node = balancer.pick(2.0)
        probes += balancer.begin(node, 2.0)
        balancer.end(node, 2.0, 0.01)
    assert nodes[0].accrual.probes == probes <= 1


class AnyOrder(RuleBasedStateMachine):
    """Updates, requests, failures and time, in any order."""

    @initialize(name=st.sampled_from(NAMES), seed=st.integers(0, 2**16))
    def start(self, name, seed):
        self.balancer = FIELD.validate({"kind": name}).build(Random(seed))
        self.now = 10.0
        self.members = []
        self.flying = []
        self.serial = 0

    @rule(stay=st.lists(st.booleans(), max_size=8), weights=st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.0]), max_size=5))
    def update(self, stay, weights):
        before = self.members
        self.members = [node for node, stays in zip(before, [*stay, *[True] * len(before)], strict=False) if stays]
        for weight in weights:
            self.serial += 1
            self.members.append(Node(self.serial, weight, ConsecutiveFailures(2, Constant(1.0))))
        self.members.reverse()
        self.balancer.update(self.members)
        assert all(node.closed and node.index < 0 for node in before if node not in self.members)

    @precondition(lambda self: self.members)
    @rule(weight=st.sampled_from([0.0, 1.0, 2.0]), data=st.data())
    def change_weight(self, weight, data):
        data.draw(st.sampled_from(self.members)).weight = weight
        self.balancer.update(self.members)

    @rule(times=st.integers(1, 5))
    def request(self, times):
        for _ in range(times):
            node = self.balancer.pick(self.now)
            if not self.members:
                assert node is None
                return
            assert node in self.members
            assert not node.closed
            drawn = [each for each in self.members if each.weight > 0] or self.members
            assert node in drawn
            open_ones = [each for each in drawn if each.available(self.now)]
            assert node in open_ones or not open_ones
            probe = self.balancer.begin(node, self.now)
            self.flying.append((node, probe))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), outcome=st.sampled_from(["success", "failure", "failure", "gone"]))
    def respond(self, data, outcome):
        node, probe = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if outcome == "success":
            node.accrual.success(self.now)
        elif outcome == "failure":
            node.accrual.failure(self.now)
        elif probe:
            node.accrual.abandon(self.now)
        self.balancer.end(node, self.now, 0.05 if outcome == "success" else None)

    @rule(seconds=st.sampled_from([0.001, 0.06, 1.5]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def books_are_right(self):
        known = {node for node, _ in self.flying}.union(self.members)
        for node in known:
            assert node.pending == sum(1 for flying, _ in self.flying if flying is node)
        assert set(self.balancer.nodes) == set(self.members)
        assert self.balancer.adds - self.balancer.removes == len(self.members)


AnyOrder.TestCase.settings = examples(40, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
