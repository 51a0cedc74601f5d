"""Half of the endpoints vanish at once (linkerd2#10984): what share of requests still fails, and for how long.

A small simulation: requests arrive evenly; an endpoint that is up answers at once; one that is down swallows
the connection attempt until its time-out of 1 s. There are no retries here, so each failure is an attempt that a
retry would have to make good.
"""

from heapq import heappop, heappush
from random import Random

import pytest

from noderouter.proxy.balancer.accrual.consecutive_failures import ConsecutiveFailuresKind
from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.balancer.node import Node
from noderouter.schema.kind import kind_field, kinds_in

RATE = 200
"""Requests per second."""
LOSS = 30.0
END = 80.0
NAMES = sorted(kinds_in("noderouter.proxy.balancer", BalancerKind))


class Simulation:
    """20 endpoints behind one balancer; `down(node, now)` says which do not answer."""

    def __init__(self, name, seed, down, latency_s=0.005):
        self.latency_s = latency_s
        rng = Random(seed)
        self.down = down
        accrual = ConsecutiveFailuresKind().build(rng)
        self.nodes = [Node(n, 1.0, accrual()) for n in range(20)]
        self.balancer = kind_field(BalancerKind, "noderouter.proxy.balancer").validate({"kind": name}).build(rng)
        self.balancer.update(self.nodes)
        self.flying = []
        self.outcomes = []
        """Pairs of the time a request began and whether it failed."""

    def run(self, until):
        for tick in range(int(until * RATE)):
            now = tick / RATE
            self.land(now)
            node = self.balancer.pick(now)
            self.balancer.begin(node, now)
            failed = self.down(node, now)
            heappush(self.flying, (now + (1.0 if failed else self.latency_s), tick, now, node, failed))
        self.land(until + 10)

    def land(self, now):
        while self.flying and self.flying[0][0] <= now:
            then, _, began, node, failed = heappop(self.flying)
            if failed:
                node.accrual.failure(then)
            else:
                node.accrual.success(then)
            self.balancer.end(node, then, None if failed else self.latency_s)
            self.outcomes.append((began, failed))

    def share_failed(self, since, until):
        failed = [failed for began, failed in self.outcomes if since <= began < until]
        return sum(failed) / len(failed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_ten_seconds_after_half_of_the_endpoints_vanished(name, seed):
    simulation = Simulation(name, seed, lambda node, now: now >= LOSS and node.address < 10)
    simulation.run(END)
    assert simulation.share_failed(0.0, LOSS) == 0.0
    assert simulation.share_failed(LOSS + 10.0, END) < 0.01
    for second in range(40, 79):
        assert simulation.share_failed(second, second + 5) < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_they_are_used_again_once_they_are_back(name):
    simulation = Simulation(name, 1, lambda node, now: 5.0 <= now < 20.0 and node.address < 10)
    simulation.run(70.0)
    assert simulation.share_failed(21.0, 70.0) == 0.0
    if name != "aperture":
        assert all(node.accrual.opens_at == 0.0 for node in simulation.nodes)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "aperture"])
def test_after_an_outage_of_all_they_come_back_with_the_traffic(name):
    """50 requests are under way when it ends: their successes count, not only those of the few probes."""
    simulation = Simulation(name, 1, lambda node, now: 5.0 <= now < 35.0, latency_s=0.25)
    simulation.run(35.5)
    assert simulation.share_failed(35.0, 36.0) == 0.0
    assert sum(node.accrual.opens_at == 0.0 for node in simulation.nodes) > 10
