"""Pods that come, go, opt in and out, and take over the address of another."""

import time

import pytest

from tests.cluster.any_cluster import until
from tests.intercept import measure
from tests.intercept.conftest import ON_EACH_BACKEND
from tests.intercept.load import load
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.pod import Pod
from tests.intercept.world import World

pytestmark = [pytest.mark.root, ON_EACH_BACKEND]


def test_a_label_of_the_namespace_on_off_and_on_again(world: World, state):
    figures = []
    for value in ("enabled", "disabled", None, "disabled"):
        taken = measure.labelled(world, value, "direct" if value == "disabled" else "routed")
        figures.append(f"{value}: {taken.seconds * 1000:.0f} ms")
        assert taken.failed == 0
    state(", ".join(figures))


def test_a_new_pod_is_captured(world: World, state):
    taken = measure.new_pod(world)
    state(f"captured {taken.seconds * 1000:.0f} ms after its status said so")
    assert taken.failed == 0
    assert taken.requests[0].outcome == "direct"


@pytest.mark.parametrize("told", ["before", "after"])
def test_an_address_that_another_pod_takes_over_is_not_captured(world: World, told: str, state):
    """A pod ends and a pod of a namespace that has opted out has its address within the second, before or after the API
    says so: not one of its connections may be captured."""
    node = world.node
    old = node.add_pod("old")
    world.until_captured(old)
    since = time.monotonic()
    node.remove_pod(old, without_api=told == "after")
    new = node.add_pod("new", world.quiet_space, like=old.addresses, without_api=True)
    reused = time.monotonic() - since
    try:
        with load(new, world.hello.host, *measure.fresh(world, 0)) as flow:
            flow.more()
            node.announce(new)
            if told == "after":
                node.objects.delete_pod(old.namespace, old.name)
            flow.more(200)
            node.in_force()
            flow.more()
        state(f"reused after {reused * 1000:.0f} ms; {dict(flow.outcomes())}")
        assert reused < 1.0
        assert set(flow.outcomes()) == {"direct"}
    finally:
        node.remove_pod(new)


def test_a_pod_that_comes_back_with_its_address_is_captured_again(world: World, state):
    node = world.node
    old = node.add_pod("old")
    world.until_captured(old)
    node.remove_pod(old)
    new = node.add_pod("new", like=old.addresses)
    since = time.monotonic()
    try:
        world.until_captured(new)
        state(f"captured {(time.monotonic() - since) * 1000:.0f} ms after it was made")
    finally:
        node.remove_pod(new)


def test_a_pod_that_has_ended_is_let_go_of(world: World):
    node = world.node
    pod: Pod = node.add_pod("short")
    until(lambda: node.status()["pods"] == node.wanted())
    node.objects.pod_status(pod.namespace, pod.name, list(pod.addresses.values()), "Succeeded")
    until(lambda: node.status()["pods"] == node.wanted() - len(FAMILIES))
    node.remove_pod(pod)
