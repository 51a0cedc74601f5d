"""Peak-EWMA: the kept logarithm against the definition, and what follows for users."""

from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.ewma import PENALTY, EwmaKind
from noderouter.proxy.balancer.node import Node


class Definition:
    """Cost and load of docs/linkerd1.md section 4.1, in plain numbers."""

    def __init__(self, decay):
        self.decay = decay
        self.cost = 0.0
        self.stamp = 0.0
        self.pending = 0

    def observe(self, latency, now):
        fade = exp(-(now - self.stamp) / self.decay)
        self.cost = latency if latency > self.cost else self.cost * fade + latency * (1 - fade)
        self.stamp = now

    def load(self, now):
        if self.cost:
            return self.cost * exp(-(now - self.stamp) / self.decay) * (self.pending + 1)
        return PENALTY + self.pending if self.pending else 0.0


events = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(st.none(), st.just(0.0), st.floats(1e-4, 30.0)),
        st.floats(0.0, 5.0),
        st.booleans(),
    ),
    max_size=40,
)


@given(events, st.sampled_from([100, 10_000]), st.sampled_from([0.0, 1e6]))
def test_picks_what_the_definition_picks(events, decay_ms, start):
    balancer = EwmaKind(decayTimeMs=decay_ms).build(Random(1))
    nodes = [Node(0), Node(1)]
    balancer.update(nodes)
    models = [Definition(decay_ms / 1000), Definition(decay_ms / 1000)]
    now = start
    for which, latency, step, begins in events:
        now += step
        node, model = nodes[which], models[which]
        if begins or not node.pending:
            balancer.begin(node, now)
            model.pending += 1
        else:
            balancer.end(node, now, latency)
            model.pending -= 1
            if latency:
                model.observe(latency, now)
        one, other = (model.load(now) for model in models)
        if one < other * (1 - 1e-6):
            assert balancer.pick(now) is nodes[0]
        elif other < one * (1 - 1e-6):
            assert balancer.pick(now) is nodes[1]


def build(*latencies):
    balancer = EwmaKind().build(Random(1))
    nodes = [Node(n) for n in range(len(latencies))]
    balancer.update(nodes)
    for node, latency in zip(nodes, latencies, strict=True):
        balancer.begin(node, 1.0)
        balancer.end(node, 1.0, latency)
    return balancer, nodes


def test_prefers_the_quick_one():
    balancer, (quick, _) = build(0.01, 0.5)
    assert all(balancer.pick(1.0) is quick for _ in range(50))


def test_a_slow_answer_counts_at_once_and_fades_slowly():
    balancer, (peaked, other) = build(0.01, 0.05)
    balancer.begin(peaked, 2.0)
    balancer.end(peaked, 2.0, 1.0)
    assert peaked.cost == 1.0
    assert balancer.pick(2.0) is other
    balancer.begin(peaked, 12.0)
    balancer.end(peaked, 12.0, 0.01)
    assert peaked.cost == pytest.approx(0.01 + 0.99 * exp(-1))
    assert balancer.pick(12.0) is other


def test_a_new_node_gets_one_request_and_not_a_burst():
    balancer, nodes = build(0.5, 0.5)
    new = Node("new")
    balancer.update([*nodes, new])
    for _ in range(50):
        node = balancer.pick(2.0)
        balancer.begin(node, 2.0)
    assert new.pending == 1


def test_failures_say_nothing_about_latency():
    balancer, (one, _) = build(0.5, 0.5)
    balancer.begin(one, 2.0)
    balancer.end(one, 2.0, None)
    assert (one.cost, one.stamp) == (0.5, 1.0)


@pytest.mark.parametrize("size", [0, 1])
def test_few_nodes(size):
    balancer, nodes = build(*[0.1] * size)
    assert balancer.pick(1.0) is (nodes[0] if nodes else None)


def test_refuses_a_decay_of_nothing():
    with pytest.raises(ValueError, match="decayTimeMs"):
        EwmaKind(decayTimeMs=0)
