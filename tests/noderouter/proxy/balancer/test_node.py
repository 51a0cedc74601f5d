"""Nodes: whether they are available, and what they say about themselves."""

from random import Random

import pytest

from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.retry.backoff import Constant
from noderouter.schema.kind import kind_field


def test_a_new_node_is_available():
    node = Node("10.0.0.7:8080")
    assert node.available(0.0)
    assert repr(node) == "<Node 10.0.0.7:8080 open pending=0>"


def test_a_closed_node_is_not():
    node = Node("10.0.0.7:8080")
    node.closed = True
    assert not node.available(0.0)
    assert repr(node) == "<Node 10.0.0.7:8080 closed pending=0>"


def test_a_dead_node_is_available_for_one_probe():
    node = Node("10.0.0.7:8080", 1.0, ConsecutiveFailures(1, Constant(5.0)))
    balancer = kind_field(BalancerKind, "noderouter.proxy.balancer", "p2c").validate({}).build(Random(1))
    balancer.update([node])
    node.accrual.failure(100.0)
    assert not node.available(104.9)
    assert repr(node) == "<Node 10.0.0.7:8080 dead pending=0>"
    assert node.available(105.0)
    assert balancer.begin(node, 105.0) is True
    assert not node.available(1e9)
    assert repr(node) == "<Node 10.0.0.7:8080 probing pending=1>"


def test_a_node_has_no_dict():
    with pytest.raises(AttributeError):
        Node("10.0.0.7:8080").colour = "red"
