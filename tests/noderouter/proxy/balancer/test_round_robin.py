"""Round robin: exact turns."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.round_robin import RoundRobinKind
from noderouter.proxy.retry.backoff import Constant


def build(size, seed=1):
    balancer = RoundRobinKind().build(Random(seed))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(100.0))) for n in range(size)]
    balancer.update(nodes)
    return balancer, nodes


@given(st.integers(1, 20), st.integers(0, 100), st.integers(0, 100))
def test_shares_differ_by_one_at_most(size, times, seed):
    balancer, nodes = build(size, seed)
    counts = Counter(balancer.pick(1.0) for _ in range(times))
    assert max(counts[node] for node in nodes) - min(counts[node] for node in nodes) <= 1


def test_routers_begin_at_different_places():
    assert len({build(20, seed)[0].pick(1.0).address for seed in range(50)}) > 10


@given(st.sets(st.integers(0, 9)), st.integers(0, 20))
def test_closed_nodes_are_skipped_and_the_others_keep_their_order(closed, start):
    balancer, nodes = build(10)
    for _ in range(start):
        balancer.pick(1.0)
    for n in closed:
        nodes[n].accrual.failure(1.0)
    left = [node for node in nodes if node.address not in closed] or nodes
    seen = [balancer.pick(1.0) for _ in range(len(left) * 2)]
    first = left.index(seen[0])
    assert seen == (left[first:] + left[:first]) * 2


@given(st.integers(0, 9), st.sets(st.integers(0, 9), min_size=1), st.randoms(use_true_random=False))
def test_after_an_update_the_turn_goes_on(start, stay, random):
    balancer, nodes = build(10)
    turn = [balancer.pick(1.0) for _ in range(10)]
    for _ in range(start):
        balancer.pick(1.0)
    kept = [nodes[n] for n in stay]
    new = Node("new")
    update = [*kept, new]
    random.shuffle(update)
    balancer.update(update)
    expected = [node for node in turn[start:] + turn[:start] if node in kept]
    assert [balancer.pick(1.0) for _ in range(len(kept) + 1)] == [*expected, new]
