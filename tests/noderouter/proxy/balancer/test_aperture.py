"""Aperture: as wide as the load needs, stable, and never stuck on dead nodes."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.aperture import ApertureKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.retry.backoff import Constant
from tests.testing.examples import examples


def build(seed=1, size=20, **keys):
    balancer = ApertureKind(**keys).build(Random(seed))
    nodes = [Node(n, 1.0, ConsecutiveFailures(1, Constant(1000.0))) for n in range(size)]
    balancer.update(nodes)
    return balancer, nodes


def traffic(balancer, concurrency, start, seconds):
    """`concurrency` requests always outstanding, each a second long; answers the nodes of the last 10 s."""
    recent = []
    flying = []
    for tick in range(seconds * 10):
        now = start + tick / 10
        while flying and flying[0][0] <= now - 1.0:
            balancer.end(flying.pop(0)[1], now, 1.0)
        while len(flying) < concurrency:
            node = balancer.pick(now)
            balancer.begin(node, now)
            flying.append((now, node))
            if tick > seconds * 10 - 100:
                recent.append(node)
    for _, node in flying:
        balancer.end(node, start + seconds, 1.0)
    return set(recent)


def test_little_traffic_needs_one_node():
    balancer, _ = build()
    assert len(traffic(balancer, 1, 0.0, 60)) == 1


@pytest.mark.parametrize("concurrency", [4, 10, 20])
def test_the_load_of_a_node_stays_within_the_band(concurrency):
    balancer, _ = build()
    used = len(traffic(balancer, concurrency, 0.0, 120))
    assert concurrency / 2.0 - 1 <= used <= concurrency / 0.5


def test_much_traffic_needs_all_nodes_and_their_number_is_the_limit():
    balancer, nodes = build(size=5)
    assert traffic(balancer, 100, 0.0, 60) == set(nodes)


def test_narrows_when_traffic_falls():
    balancer, _ = build()
    assert len(traffic(balancer, 20, 0.0, 120)) >= 9
    assert len(traffic(balancer, 1, 120.0, 300)) <= 2


def test_never_narrower_than_the_configured_minimum():
    balancer, _ = build(minAperture=3)
    assert len(traffic(balancer, 1, 0.0, 60)) == 3


def test_a_minimum_beyond_the_number_of_nodes():
    balancer, nodes = build(size=2, minAperture=10)
    assert traffic(balancer, 1, 0.0, 60) == set(nodes)


def test_routers_choose_different_subsets():
    assert len({build(seed)[0].pick(0.0).address for seed in range(50)}) > 10


@given(st.randoms(use_true_random=False))
def test_an_update_keeps_the_order_of_those_that_stay(random):
    balancer, nodes = build()
    first = balancer.pick(0.0)
    others = random.sample([node for node in nodes if node is not first], 10)
    stay = [first, *others]
    random.shuffle(stay)
    balancer.update(stay)
    assert balancer.pick(0.0) is first
    balancer.update(others)
    assert balancer.pick(0.0) in others


def test_dead_nodes_make_room_for_live_ones():
    balancer, nodes = build(minAperture=4)
    for node in nodes[:17]:
        node.accrual.failure(0.0)
    assert traffic(balancer, 3, 1.0, 60) == set(nodes[17:])


def test_requests_of_removed_nodes_are_not_its_load():
    balancer, nodes = build(size=3)
    for _ in range(10):
        balancer.begin(nodes[0], 0.0)
    balancer.update(nodes[1:])
    balancer.begin(nodes[0], 100.0)
    for _ in range(11):
        balancer.end(nodes[0], 100.0, None)
    assert nodes[0].pending == 0
    assert len(traffic(balancer, 1, 100.0, 60)) == 1


@examples(40)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.floats(0, 3)), max_size=60))
def test_removed_nodes_leave_no_load_behind(events):
    balancer, nodes = build(size=5)
    now = 0.0
    flying = []
    for which, begins, step in events:
        now += step
        if begins:
            node = balancer.pick(now)
            balancer.begin(node, now)
            flying.append(node)
        elif flying:
            balancer.end(flying.pop(), now, 0.1)
        if which == 0:
            balancer.update(nodes[:3])
        elif which == 1:
            nodes = nodes[:3] + [Node(n) for n in range(2)]
            balancer.update(nodes)
    for node in flying:
        balancer.end(node, now, 0.1)
    balancer.update(nodes)
    assert all(node.pending == 0 for node in nodes)
    assert len(traffic(balancer, 1, now + 1000.0, 100)) == 1


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"lowLoad": 2.0, "highLoad": 2.0}, r"lowLoad \(2\) must be less than highLoad \(2\)"),
        ({"lowLoad": 0.0}, "lowLoad"),
        ({"minAperture": 0}, "minAperture"),
        ({"smoothWindowMs": 0}, "smoothWindowMs"),
    ],
)
def test_refuses(keys, text):
    with pytest.raises(ValueError, match=text):
        ApertureKind(**keys)
