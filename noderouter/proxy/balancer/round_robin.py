"""`roundRobin`: each node in turn, whatever its load.

Members keep their place in the turn and new ones come last, so an update does not send the next requests to
the same nodes again. `maxEffort` is Linkerd's key; here a pick always looks through a full turn before it
fails open, so a lower number makes no difference.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar, Literal

from noderouter.proxy.balancer.kind import BalancerKind, Effort
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.picker import Picker


class RoundRobin(Picker):
    """A ring of nodes, begun at a random place so that routers do not march in step."""

    __slots__ = ("_next", "_nodes", "_random")

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self._nodes: list[Node] = []
        self._next = 0

    def update(self, nodes: Sequence[Node]) -> None:
        """See `Picker`."""
        before = self._nodes
        turn = before[self._next :] + before[: self._next]
        self.adopt(before, nodes)
        members = set(nodes)
        known = set(before)
        stay = [node for node in turn if node in members]
        self._nodes = stay + [node for node in nodes if node not in known]
        self._next = 0 if stay else int(self._random() * len(nodes))

    def pick(self, now: float) -> Node:
        """See `Picker`. The one method of that name that changes something: whose turn it is."""
        nodes = self._nodes
        size = len(nodes)
        place = self._next
        for _ in nodes:
            node = nodes[place]
            place += 1
            if place == size:
                place = 0
            if node.accrual.opens_at <= now:
                self._next = place
                return node
        self._next = place + 1 if place + 1 < size else 0
        return nodes[place]


class RoundRobinKind(BalancerKind):
    """`roundRobin`: each in turn."""

    kind_name: ClassVar[str] = "roundRobin"

    kind: Literal["roundRobin"] = "roundRobin"
    maxEffort: Effort = 5

    def build_picker(self, rng: Random) -> Picker:
        """See `BalancerKind`."""
        return RoundRobin(rng)
