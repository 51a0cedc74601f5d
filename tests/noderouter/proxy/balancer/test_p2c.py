"""Power of two choices: even, level, and away from what is closed."""

from collections import Counter
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.ewma import EwmaKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.p2c import P2C, P2CKind
from noderouter.proxy.retry.backoff import Constant
from tests.testing.examples import examples


def build(seed, size):
    balancer = P2CKind().build(Random(seed))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(size)]
    balancer.update(nodes)
    return balancer, nodes


@examples(30)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_equal_nodes_get_equal_shares(seed, size):
    balancer, nodes = build(seed, size)
    times = 2000
    counts = Counter(balancer.pick(1.0) for _ in range(times))
    share = 1 / size
    for node in nodes:
        assert abs(counts[node] - times * share) <= 6 * sqrt(times * share * (1 - share))


def test_draws_that_find_nobody_available_are_counted_and_never_forgotten():
    balancer, nodes = build(1, 50)
    balancer.pick(1.0)
    assert balancer.efforts_exhausted == 0
    for node in nodes:
        node.accrual.failure(1.0)
    for _ in range(3):
        balancer.pick(1.0)
    assert balancer.efforts_exhausted == 3
    balancer.update(())
    assert balancer.efforts_exhausted == 3


@pytest.mark.parametrize("kind", [P2CKind, EwmaKind])
def test_no_more_is_drawn_than_the_effort_allows(kind):
    class Drawn(Random):
        pairs = 0

        def getrandbits(self, k):
            self.pairs += 1
            return super().getrandbits(k)

    rng = Drawn(1)
    balancer = kind(maxEffort=1).build(rng)
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(20)]
    balancer.update(nodes)
    for node in nodes:
        node.accrual.failure(1.0)
    for number in range(1, 4):
        balancer.pick(1.0)
        assert (rng.pairs, balancer.efforts_exhausted) == (number, number)


@examples(30)
@given(st.integers(0, 1000), st.integers(2, 100))
def test_the_fullest_node_stays_close_to_the_average(seed, size):
    """As the theory has it: log log n above the average, where one random choice is far off."""
    balancer, nodes = build(seed, size)
    for _ in range(20 * size):
        balancer.begin(balancer.pick(1.0), 1.0)
    assert max(node.pending for node in nodes) <= 20 + 4


@given(st.integers(0, 1000))
def test_of_two_nodes_the_idler_one(seed):
    balancer, (one, other) = build(seed, 2)
    balancer.begin(one, 1.0)
    assert balancer.pick(1.0) is other
    balancer.begin(other, 1.0)
    balancer.begin(other, 1.0)
    assert balancer.pick(1.0) is one


@given(st.integers(0, 1000))
def test_of_two_nodes_the_available_one_however_busy(seed):
    balancer, (one, other) = build(seed, 2)
    for _ in range(50):
        balancer.begin(one, 1.0)
    other.accrual.failure(1.0)
    assert balancer.pick(1.0) is one


@pytest.mark.parametrize("effort", [1, 5, 50])
def test_available_nodes_share_evenly_when_most_are_closed(effort):
    balancer = P2CKind(maxEffort=effort).build(Random(1))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(100)]
    balancer.update(nodes)
    for node in nodes[4:]:
        node.accrual.failure(0.5)
    counts = Counter(balancer.pick(1.0) for _ in range(2000))
    assert counts.keys() == set(nodes[:4])
    assert all(400 < count < 600 for count in counts.values())


def test_the_idler_one_among_few_that_are_available():
    balancer, nodes = build(1, 100)
    for node in nodes[2:]:
        node.accrual.failure(0.5)
    for _ in range(100):
        balancer.begin(balancer.pick(1.0), 1.0)
    assert [node.pending for node in nodes[:2]] == [50, 50]


def test_every_pair_can_be_drawn():
    """The one random number reaches both ends of its range."""

    class Bits(Random):
        value = 0

        def getrandbits(self, k):
            return self.value

    rng = Bits()
    picker = P2C(5, rng)
    nodes = [Node(n) for n in range(3)]
    picker.update(nodes)
    seen = set()
    for number in range(600):
        rng.value = number * 2**30 // 600
        for node in nodes:
            node.load = 0
        first = picker.pick(1.0)
        first.load = 1
        seen.add((first.address, picker.pick(1.0).address))
    rng.value = 2**30 - 1
    assert picker.pick(1.0) in nodes
    assert seen == {(a, b) for a in range(3) for b in range(3) if a != b}
