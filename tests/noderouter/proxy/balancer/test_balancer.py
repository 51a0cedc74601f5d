"""The balancer itself: weight classes, members that come and go, counters."""

from collections import Counter
from math import inf, nan, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.machine import Counts
from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.ewma import EwmaKind
from noderouter.proxy.balancer.heap import HeapKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.p2c import P2CKind
from noderouter.proxy.retry.backoff import Constant
from tests.testing.examples import examples


def mortal(name, weight=1.0):
    return Node(name, weight, ConsecutiveFailures(1, Constant(100.0)))


def draw(balancer, times):
    """Where requests go that end at once."""
    counts = Counter()
    for _ in range(times):
        node = balancer.pick(1.0)
        balancer.begin(node, 1.0)
        balancer.end(node, 1.0, 0.01)
        counts[node] += 1
    return counts


@examples(30)
@given(
    st.dictionaries(st.sampled_from([0.25, 0.5, 1.0, 3.0, 10.0]), st.integers(1, 4), min_size=1),
    st.integers(0, 100),
)
def test_requests_are_proportional_to_weight(sizes, seed):
    nodes = [Node((weight, n), weight) for weight, size in sizes.items() for n in range(size)]
    Random(seed).shuffle(nodes)
    balancer = P2CKind().build(Random(seed))
    balancer.update(nodes)
    times = 3000
    counts = draw(balancer, times)
    total = sum(node.weight for node in nodes)
    for node in nodes:
        share = node.weight / total
        assert abs(counts[node] - times * share) <= 6 * sqrt(times * share * (1 - share)) + 1


def test_weight_zero_gets_nothing_while_there_are_others():
    idle, busy = [Node(n, 0.0) for n in range(5)], mortal("busy")
    balancer = P2CKind().build(Random(1))
    balancer.update([*idle, busy])
    assert draw(balancer, 100) == {busy: 100}
    busy.accrual.failure(1.0)
    assert draw(balancer, 100) == {busy: 100}, "not even then: weight 0 is how operators drain"
    balancer.update(idle)
    assert draw(balancer, 500).keys() == set(idle), "all of weight 0 are equal"


@pytest.mark.parametrize("weight", [-1.0, nan, inf, -inf, -0.0])
def test_odd_weights_count_as_zero(weight):
    odd, plain = Node("odd", weight), Node("plain")
    balancer = P2CKind().build(Random(1))
    balancer.update([odd, plain])
    assert draw(balancer, 50) == {plain: 50}
    balancer.update([odd])
    assert draw(balancer, 5) == {odd: 5}


def test_a_class_without_an_available_node_gives_way():
    heavy = [mortal(n, 1000.0) for n in range(3)]
    light, lighter = mortal("light", 1.0), mortal("lighter", 0.5)
    balancer = P2CKind().build(Random(1))
    balancer.update([*heavy, light, lighter])
    for node in heavy:
        node.accrual.failure(0.5)
    counts = draw(balancer, 200)
    assert counts.keys() <= {light, lighter}
    light.accrual.failure(0.5)
    assert draw(balancer, 200) == {lighter: 200}
    lighter.accrual.failure(0.5)
    assert draw(balancer, 200).keys() >= set(heavy), "all are closed: as if all were open"


def test_a_changed_weight_moves_the_node_with_its_state():
    balancer = HeapKind().build(Random(1))
    nodes = [Node(n) for n in range(4)]
    balancer.update(nodes)
    for node in nodes:
        balancer.begin(node, 1.0)
    nodes[0].weight = 2.0
    balancer.update(nodes)
    assert nodes[0].home is not nodes[1].home
    assert nodes[0].pending == 1
    for node in nodes:
        balancer.end(node, 1.0, 0.01)
    assert [node.pending for node in nodes] == [0] * 4
    assert draw(balancer, 300).keys() == set(nodes)
    nodes[0].weight = 1.0
    balancer.update(nodes)
    assert nodes[0].home is nodes[1].home
    assert draw(balancer, 300).keys() == set(nodes)


def test_members_come_and_go():
    balancer = P2CKind().build(Random(1))
    one, two, three = (Node(n) for n in range(3))
    balancer.update([one, two, one])
    assert balancer.nodes == (one, two)
    balancer.begin(one, 1.0)
    balancer.update([three, two])
    assert (one.closed, two.closed, three.closed) == (True, False, False)
    assert (balancer.adds, balancer.removes) == (3, 1)
    assert one not in draw(balancer, 100)
    balancer.end(one, 2.0, 0.01)
    assert one.pending == 0
    assert repr(balancer) == "<Balancer nodes=2 classes=1>"


@pytest.mark.parametrize("kind", [P2CKind(), EwmaKind(), HeapKind()], ids=lambda kind: kind.kind)
def test_the_order_of_an_update_does_not_matter_to_the_shares(kind):
    balancer = kind.build(Random(1))
    nodes = [Node(n) for n in range(10)]
    counts = Counter()
    for turn in range(20):
        Random(turn).shuffle(nodes)
        balancer.update(nodes)
        counts += draw(balancer, 200)
    assert all(300 < counts[node] < 500 for node in nodes)


def test_counters_of_accrual_outlive_their_nodes():
    balancer = P2CKind().build(Random(1))
    stays, goes = mortal("stays"), mortal("goes")
    balancer.update([stays, goes])
    stays.accrual.failure(1.0)
    goes.accrual.failure(1.0)
    assert balancer.accrual_counts == Counts(2, 0, 0, 200_000)
    balancer.update([stays])
    stays.accrual.probe(200.0)
    stays.accrual.success(200.0)
    assert balancer.accrual_counts == Counts(2, 1, 1, 200_000)
