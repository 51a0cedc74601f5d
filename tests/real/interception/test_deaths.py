"""Routers and keepers are killed, nodes restarted: captured pods lose no more than the clock of the rules allows."""

import time
from contextlib import ExitStack

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.real.cluster import RealCluster
from tests.e2e_cluster.traffic import kinds
from tests.real.interception.site import TIMER_SECONDS, Side
from tests.testing.busy import BUSY_SECONDS
from tests.testing.figures import State

pytestmark = pytest.mark.root

AGAIN_SECONDS = 60.0
"""Longer than a kubelet waits before it restarts a container for the second time."""
KILLED = {
    "the router": ["noderouter"],
    "the keeper": ["intercept"],
    "both": ["noderouter", "intercept"],
}


@pytest.mark.parametrize("who", KILLED)
def test_killed(real_cluster: RealCluster, sides: list[Side], state: State, who: str):
    """On both nodes at once, beside a kube-proxy of either kind; each node's pods depend on its own router only."""
    before = [side.restarts() for side in sides]
    until(lambda: all(side.routed() for side in sides), 60)
    with ExitStack() as running:
        traffic = [running.enter_context(side.steady()) for side in sides]
        killed = []
        for side in sides:
            killed.append(time.monotonic())
            side.kill(KILLED[who])
        for side, restarts in zip(sides, before, strict=True):
            wanted = {name: count + (name in KILLED[who]) for name, count in restarts.items()}
            until(lambda side=side, wanted=wanted: side.restarts() == wanted, AGAIN_SECONDS)
            until(side.armed, AGAIN_SECONDS)
            until(side.routed, 60)
        again = time.monotonic() - killed[0]
        for each in traffic:
            each.more()
    told = []
    for side, each, moment in zip(sides, traffic, killed, strict=True):
        failed = each.failed()
        last = max((request.began for request in failed), default=moment) - moment
        told.append(f"{side.node}: {each.figure()}, the last of them begun after {last:.2f} s")
        assert last < TIMER_SECONDS + BUSY_SECONDS, kinds(failed)
        assert who != "the keeper" or not failed, kinds(failed)
    state(f"{'; '.join(told)}; captured again within {again:.1f} s")


@pytest.mark.parametrize("number", [0, 1], ids=["nftables", "iptables"])
def test_a_node_is_restarted(real_cluster: RealCluster, sides: list[Side], state: State, number: int):
    """kubelet, kube-proxy and containerd, as by an upgrade of its packages: pods stay, and nobody notices."""
    side = sides[number]
    until(side.routed, 60)
    restarts = side.restarts()
    served = "rt/outgoing/server/0.0.0.0/4143/requests"
    with side.steady_from_outside() as traffic:
        before, begun = side.mesh.metric(side.node, served), len(traffic.requests)
        real_cluster.real[side.node].restart()
        real_cluster.wait_node(side.node)
        traffic.more()
        count = len(traffic.requests) - begun  # and then what they are counted in: asking takes a while
        routed = side.mesh.metric(side.node, served) - before
    assert not traffic.failed(), kinds(traffic.failed())
    assert side.restarts() == restarts
    assert routed >= count - 16  # those that were under way at the beginning
    state(f"{traffic.figure()}, all of them captured")
