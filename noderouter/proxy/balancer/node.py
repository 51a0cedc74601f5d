"""One endpoint as balancers see it; `client.Endpoint` adds connections to it.

A node belongs to one balancer, keeps its state while discovery lists it, and is never taken up again after it
was removed: the same address that comes back is a new node, because another pod may own it by then.
"""

from math import inf
from typing import TYPE_CHECKING, Any

from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL, Accrual

if TYPE_CHECKING:
    from noderouter.proxy.balancer.picker import Picker


class Node:
    """The state of an endpoint that the choice depends on."""

    __slots__ = ("accrual", "address", "closed", "cost", "home", "index", "load", "pending", "stamp", "weight")

    home: "Picker"
    """The picker of its weight class, which sets it."""

    def __init__(self, address: Any, weight: float = 1.0, accrual: Accrual = NO_ACCRUAL) -> None:
        self.address = address
        self.weight = weight
        self.accrual = accrual
        self.pending = 0
        """Requests outstanding."""
        self.load = 0.0
        """What two nodes are compared by; balancers keep it up to date when requests begin and end."""
        self.cost = 0.0
        """Peak-EWMA of the latency in seconds at the time `stamp`; 0.0 without history."""
        self.stamp = 0.0
        self.index = -1
        """Its place in the books of `home`; negative where it is not, or no longer, a member."""
        self.closed = False
        """Removed from the balancer: no new requests, outstanding ones complete."""

    def __repr__(self) -> str:
        opens_at = self.accrual.opens_at
        state = "closed" if self.closed else "open" if not opens_at else "probing" if opens_at == inf else "dead"
        return f"<{type(self).__name__} {self.address} {state} pending={self.pending}>"

    def available(self, now: float) -> bool:
        """Whether it should be given requests."""
        return not self.closed and self.accrual.opens_at <= now
