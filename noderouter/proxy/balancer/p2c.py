"""`p2c`, the default balancer: the less loaded of two nodes drawn at random.

Two choices keep the fullest node within a few requests of the average, cost the same for any number of nodes,
and do not herd: routers that know nothing of each other still spread their requests.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar, Literal

from noderouter.proxy.balancer.kind import BalancerKind, Effort
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.picker import Picker
from noderouter.proxy.balancer.two_choices import Pairs


class P2C(Picker):
    """Two distinct random nodes: the available one, then the one with fewer requests outstanding.

    All of them are drawn, but see aperture.
    """

    __slots__ = ("_effort", "_exhausted", "_random", "pairs")

    def __init__(self, effort: int, rng: Random) -> None:
        self._effort = effort
        self._random = rng.random
        self.pairs = Pairs(rng.getrandbits)
        self._exhausted = 0

    def drawn_from(self) -> Pairs | None:
        """See `Picker`."""
        return self.pairs

    def exhausted(self) -> int:
        """See `Picker`."""
        return self._exhausted

    def update(self, nodes: Sequence[Node]) -> None:
        """See `Picker`."""
        self.adopt(self.pairs.nodes, nodes)
        self.pairs.nodes = list(nodes)
        self.pairs.size = len(nodes)

    def pick(self, now: float) -> Node:
        """See `Picker`."""
        node = self.pairs.pick(now)
        return self.pick_again(now) if node is None else node

    def pick_again(self, now: float) -> Node:
        """Draw what is left of `maxEffort` pairs; then look at every node; then fail open."""
        nodes = self.pairs.nodes
        size = self.pairs.size
        for _ in range(self._effort - 1):
            node = self._lighter(nodes, size, now)
            if node.accrual.opens_at <= now:
                return node
        self._exhausted += 1
        ready = self._ready(now)
        return self._lighter(ready, len(ready), now) if ready else self._lighter(nodes, size, now)

    def _ready(self, now: float) -> list[Node]:
        """All nodes that are available."""
        return [node for node in self.pairs.nodes if node.accrual.opens_at <= now]

    def _lighter(self, nodes: list[Node], size: int, now: float) -> Node:
        """The better of two random ones of the first `size` nodes; a lone one is its own rival."""
        random = self._random
        i = int(random() * size)
        node = nodes[i]
        other = nodes[(i + 1 + int(random() * (size - 1))) % size]
        closed, other_closed = node.accrual.opens_at > now, other.accrual.opens_at > now
        if closed != other_closed:
            return other if closed else node
        return other if other.load < node.load else node


class P2CKind(BalancerKind):
    """`p2c`: power of two choices by requests outstanding."""

    kind_name: ClassVar[str] = "p2c"

    kind: Literal["p2c"] = "p2c"
    maxEffort: Effort = 5

    def build_picker(self, rng: Random) -> Picker:
        """See `BalancerKind`."""
        return P2C(self.maxEffort, rng)
