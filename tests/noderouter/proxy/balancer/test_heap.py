"""Least loaded: exactly so, whatever happens, and nodes set aside come back."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.heap import HeapKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.retry.backoff import Constant


def build(size, seed=1):
    balancer = HeapKind().build(Random(seed))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(1.0))) for n in range(size)]
    balancer.update(nodes)
    return balancer, nodes


@given(st.integers(1, 9), st.lists(st.one_of(st.none(), st.integers(0, 8)), max_size=80), st.integers(0, 100))
def test_always_one_of_the_least_loaded(size, events, seed):
    balancer, nodes = build(size, seed)
    for event in events:
        if event is None:
            node = balancer.pick(1.0)
            assert node.pending == min(each.pending for each in nodes)
            balancer.begin(node, 1.0)
        else:
            node = nodes[event % size]
            if node.pending:
                balancer.end(node, 1.0, 0.1)
            else:
                balancer.begin(node, 1.0)


def test_equals_are_drawn_evenly():
    balancer, nodes = build(4)
    counts = Counter(balancer.pick(1.0) for _ in range(2000))
    assert all(400 < counts[node] < 600 for node in nodes)


def test_dead_nodes_are_set_aside_and_come_back():
    balancer, nodes = build(3)
    nodes[0].accrual.failure(10.0)
    assert {balancer.pick(10.0) for _ in range(50)} == set(nodes[1:])
    assert {balancer.pick(11.2) for _ in range(50)} == set(nodes)


def test_only_those_come_back_that_are_available():
    balancer, nodes = build(3)
    nodes[0].accrual.failure(10.0)
    nodes[1].accrual.failure(10.5)
    assert {balancer.pick(10.5) for _ in range(50)} == {nodes[2]}
    assert {balancer.pick(11.2) for _ in range(50)} == {nodes[0], nodes[2]}


def test_the_load_of_a_node_that_is_set_aside_is_not_forgotten():
    balancer, nodes = build(2)
    for _ in range(3):
        balancer.begin(nodes[0], 10.0)
    nodes[0].accrual.failure(10.0)
    balancer.begin(nodes[1], 10.0)
    balancer.begin(nodes[1], 10.0)
    for _ in range(3):
        node = balancer.pick(10.0)
        assert node is nodes[1]
        balancer.begin(node, 10.0)
    balancer.end(nodes[0], 10.5, None)
    balancer.begin(nodes[0], 11.5)
    nodes[0].accrual.success(11.5)
    assert balancer.pick(11.6) is nodes[0], "3 outstanding against 5"


def test_a_node_that_revives_while_all_are_set_aside_is_seen_at_once():
    balancer, nodes = build(2)
    for node in nodes:
        node.accrual.failure(10.0)
    assert balancer.pick(10.0) in nodes
    balancer.begin(nodes[1], 10.0)
    nodes[1].accrual.success(10.0)
    assert balancer.pick(10.0) is nodes[1]


def test_an_update_brings_back_what_was_set_aside():
    balancer, nodes = build(2)
    nodes[0].accrual.failure(10.0)
    for _ in range(20):
        balancer.pick(10.0)
    balancer.begin(nodes[0], 10.0)
    nodes[0].accrual.success(10.0)
    balancer.update(nodes)
    balancer.begin(nodes[1], 10.0)
    balancer.begin(nodes[1], 10.0)
    assert balancer.pick(10.0) is nodes[0]
