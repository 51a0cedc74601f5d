"""Pods that come, go, opt in and out, and take over the address of another."""

import time

import pytest

from tests.cluster.cluster import until
from tests.intercept.conftest import ON_EACH_BACKEND
from tests.intercept.load import load
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.pod import Pod
from tests.intercept.world import LABEL, World

pytestmark = [pytest.mark.root, ON_EACH_BACKEND]


def fresh(world: World, pause_ms: int = 2) -> list[str]:
    """New connections again and again, in both families."""
    return [f"fresh,{world.hello.addresses[version]},80,{pause_ms}" for version in FAMILIES]


def test_a_label_of_the_namespace_on_off_and_on_again(world: World, state):
    figures = []
    objects = world.node.objects
    with load(world.quiet, world.hello.host, *fresh(world)) as flow:
        flow.more()
        for value in ("enabled", "disabled", None, "disabled"):
            wanted = "direct" if value == "disabled" else "routed"
            since = time.monotonic()
            objects.label(world.quiet_space, {LABEL: value})
            flow.until(lambda found, wanted=wanted: all(one.outcome == wanted for one in found[-10:]))
            figures.append(f"{value}: {(time.monotonic() - since) * 1000:.0f} ms")
    state(", ".join(figures))
    assert set(flow.outcomes()) == {"routed", "direct"}, "nothing failed"


def test_a_new_pod_is_captured(world: World, state):
    pod = world.node.add_pod("newcomer", without_api=True)
    try:
        with load(pod, world.hello.host, *fresh(world)) as flow:
            flow.more()
            since = time.monotonic()
            world.node.announce(pod)
            flow.until(lambda found: any(one.outcome == "routed" for one in found))
            flow.more()
        first = min(one.began for one in flow.requests() if one.outcome == "routed") - since
        state(f"captured {first * 1000:.0f} ms after its status said so; {dict(flow.outcomes())}")
        assert set(flow.outcomes()) == {"routed", "direct"}, "nothing failed"
    finally:
        world.node.remove_pod(pod)


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
        with load(new, world.hello.host, *fresh(world, 0)) as flow:
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
