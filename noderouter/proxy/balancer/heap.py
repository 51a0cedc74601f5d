"""`heap`: the node with the fewest requests outstanding, of all.

Linkerd keeps a binary heap. Loads are small whole numbers that change by one, so a row of buckets, one for
each load, finds the least loaded node as well, moves a node in constant time, and makes an even draw among
equals. Nodes that prove unavailable are set aside, so that their load of 0 does not get in the way.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar, Final, Literal

from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.picker import Picker

LOOK_AGAIN_S: Final = 0.05
"""How often nodes that were set aside are looked at."""


class LeastLoaded(Picker):
    """Buckets by `pending`; `node.index` is the place in its bucket, negative for those set aside."""

    __slots__ = ("_aside", "_buckets", "_least", "_look_at", "_nodes", "_random")

    keeps_books = True

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self._nodes: list[Node] = []
        self._buckets: list[list[Node]] = [[]]
        self._least = 0
        """No bucket before this one holds a node."""
        self._aside: list[Node] = []
        self._look_at = 0.0

    def update(self, nodes: Sequence[Node]) -> None:
        """See `Picker`."""
        self.adopt(self._nodes, nodes)
        self._nodes = list(nodes)
        self._aside = []
        self._buckets = [[]]
        self._least = 0
        for node in nodes:
            self._insert(node)

    def _insert(self, node: Node) -> None:
        buckets = self._buckets
        pending = node.pending
        if pending >= len(buckets):
            buckets.extend([] for _ in range(pending + 1 - len(buckets)))
        bucket = buckets[pending]
        node.index = len(bucket)
        bucket.append(node)
        if pending < self._least:
            self._least = pending

    def _remove(self, node: Node, pending: int) -> None:
        bucket = self._buckets[pending]
        last = bucket.pop()
        if last is not node:
            last.index = node.index
            bucket[node.index] = last

    def pick(self, now: float) -> Node:
        """See `Picker`."""
        if self._aside and now >= self._look_at:
            self._look_again(now)
        buckets = self._buckets
        least = self._least
        end = len(buckets)
        while least < end:
            bucket = buckets[least]
            if bucket:
                node = bucket[int(self._random() * len(bucket))]
                if node.accrual.opens_at <= now:
                    self._least = least
                    return node
                self._set_aside(node, now)
            else:
                least += 1
        return min(self._aside, key=lambda node: (node.accrual.opens_at > now, node.pending))

    def _set_aside(self, node: Node, now: float) -> None:
        self._remove(node, node.pending)
        node.index = -1
        if not self._aside:
            self._look_at = now + LOOK_AGAIN_S
        self._aside.append(node)

    def _look_again(self, now: float) -> None:
        self._look_at = now + LOOK_AGAIN_S
        aside = self._aside
        self._aside = [node for node in aside if node.accrual.opens_at > now]
        for node in aside:
            if node.accrual.opens_at <= now:
                self._insert(node)

    def began(self, node: Node, now: float) -> None:
        """See `Picker`."""
        if node.index >= 0:
            self._remove(node, node.pending - 1)
            self._insert(node)

    def ended(self, node: Node, now: float, latency_s: float | None) -> None:
        """See `Picker`."""
        if node.index >= 0:
            self._remove(node, node.pending + 1)
            self._insert(node)


class HeapKind(BalancerKind):
    """`heap`: least loaded of all."""

    kind_name: ClassVar[str] = "heap"

    kind: Literal["heap"] = "heap"

    def build_picker(self, rng: Random) -> Picker:
        """See `BalancerKind`."""
        return LeastLoaded(rng)
