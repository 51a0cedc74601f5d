"""Somebody else changes the rules, under load: what is ours is repaired, and counted."""

import time

import pytest

from tests.cluster.any_cluster import until
from tests.intercept import measure
from tests.intercept.conftest import every
from tests.intercept.measure import GOOD, counted, under_load
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.world import BACKENDS, World

pytestmark = pytest.mark.root

REPAIR_SECONDS = 9.0
"""iptables-legacy tells nobody of changes: it is looked at every two seconds. Where there is word of changes, and it
does not come, all is looked at every ten.
"""


def repaired(world: World, change, state) -> None:
    """Make a change under load; it is repaired, and nothing failed meanwhile."""
    before = world.node.status()["drift"]
    with under_load(world, "fresh") as flow:
        flow.more()
        since = time.monotonic()
        change()
        until(lambda: world.node.status()["drift"] > before)
        flow.more()
    requests = flow.requests()
    taken = measure.last(requests, {"routed"}, since)
    state(f"captured again after {taken:.2f} s; {counted(requests)}")
    assert {one.outcome for one in requests} <= GOOD
    assert requests[-1].outcome == "routed"
    assert taken < REPAIR_SECONDS


@every(BACKENDS[1:])
def test_kube_proxy_that_puts_its_jump_first_is_repaired(world: World, state):
    repaired(world, world.node.proxy.jump_first, state)
    for version in FAMILIES:
        assert world.node.proxy.jumps(version) == ["NODEROUTER-PRE", "KUBE-SERVICES"]


@every(BACKENDS[:1])
def test_a_table_that_somebody_deletes_is_repaired(world: World, state):
    node = world.node.network
    repaired(world, lambda: node.run(node.node, ["nft", "delete", "table", "inet", "noderouter"]), state)
