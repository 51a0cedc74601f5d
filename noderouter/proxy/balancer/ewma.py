"""`ewma`: the better of two random nodes by latency x load (Peak-EWMA).

A node's cost is a moving average of its latency that is pessimistic: it jumps up to a higher latency at once
and comes down slowly, `decayTimeMs` being the time in which the past fades to 1/e. Without traffic the cost
fades too, so a node that was slow is tried again.

The load is cost x (outstanding + 1), with the cost as faded by now. All nodes fade at the same rate, so which
of two loads is larger does not depend on when one looks: the balancer keeps the logarithm of the load as it
would have been at time 0, changes it only when a request begins or ends, and picks as P2C does.
"""

from collections.abc import Sequence
from math import exp, inf, log
from random import Random
from typing import Annotated, ClassVar, Final, Literal

from noderouter.proxy.balancer.kind import BalancerKind, Effort
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.p2c import P2C
from noderouter.proxy.balancer.picker import Picker
from noderouter.schema.kind import Field

PENALTY: Final = 1e12
"""Load of a node that has requests outstanding and never answered one: worse than any that has answered, so
that a new node gets one request to show its latency and not a burst."""


class Ewma(P2C):
    """P2C by cost x (outstanding + 1)."""

    __slots__ = ("_rate",)

    keeps_books = True

    def __init__(self, effort: int, decay_s: float, rng: Random) -> None:
        super().__init__(effort, rng)
        self._rate = 1.0 / decay_s

    def update(self, nodes: Sequence[Node]) -> None:
        """See `Picker`."""
        super().update(nodes)
        for node in nodes:
            self._weigh(node)

    def _weigh(self, node: Node) -> None:
        if node.cost:
            node.load = log(node.cost * (node.pending + 1)) + node.stamp * self._rate
        else:
            node.load = PENALTY + node.pending if node.pending else -inf

    def began(self, node: Node, now: float) -> None:
        """See `Picker`."""
        cost = node.cost
        if cost:
            node.load = log(cost * (node.pending + 1)) + node.stamp * self._rate
        else:
            node.load = PENALTY + node.pending

    def ended(self, node: Node, now: float, latency_s: float | None) -> None:
        """See `Picker`."""
        if latency_s:
            cost = node.cost
            rate = self._rate
            if latency_s < cost:
                latency_s += (cost - latency_s) * exp((node.stamp - now) * rate)
            node.cost = latency_s
            node.stamp = now
            node.load = log(latency_s * (node.pending + 1)) + now * rate
        else:
            self._weigh(node)


class EwmaKind(BalancerKind):
    """`ewma`: power of two choices by Peak-EWMA of the latency."""

    kind_name: ClassVar[str] = "ewma"

    kind: Literal["ewma"] = "ewma"
    decayTimeMs: Annotated[int, Field(ge=1, le=24 * 3600 * 1000)] = 10_000
    maxEffort: Effort = 5

    def build_picker(self, rng: Random) -> Picker:
        """See `BalancerKind`."""
        return Ewma(self.maxEffort, self.decayTimeMs / 1000, rng)
