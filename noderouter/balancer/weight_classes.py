"""Nodes of different weight: grouped into classes of equal weight, each with a balancer of its own.

The outermost balancer of every client. A class is drawn with probability weight x size; inside the class its
balancer compares loads, which would say little between nodes of different weight. A class without any
available node gives way to the next one that has one.

Weights come from address files and dtab unions. What is not a positive finite number counts as 0; nodes of
weight 0 get requests only where no other node exists.
"""

from bisect import bisect
from collections.abc import Callable, Sequence
from math import inf
from random import Random

from noderouter.balancer.balancer import Balancer
from noderouter.balancer.node import Node


class WeightClasses(Balancer):
    """A balancer of balancers; owns the nodes' `closed` and `home`."""

    __slots__ = ("_balancers", "_classes", "_make", "_only", "_random", "_steps", "adds", "nodes", "removes")

    def __init__(self, make: Callable[[], Balancer], rng: Random) -> None:
        """`make` builds the balancer of one class."""
        self._make = make
        self._random = rng.random
        self._classes: dict[float, Balancer] = {}
        """By weight."""
        self._only: Balancer | None = make()
        """The balancer that gets everything, where one class does."""
        self._balancers: list[Balancer] = []
        """Where several share: those that are drawn, and the upper ends of their shares."""
        self._steps: list[float] = []
        self.nodes: tuple[Node, ...] = ()
        self.adds = 0
        self.removes = 0

    def update(self, nodes: Sequence[Node]) -> None:
        """Adopt the new ones, close those that are gone, regroup those whose weight has changed."""
        gone = dict.fromkeys(self.nodes)
        groups: dict[float, list[Node]] = {}
        for node in dict.fromkeys(nodes):
            if node in gone:
                del gone[node]
            else:
                self.adds += 1
                node.closed = False
            weight = node.weight
            groups.setdefault(weight if 0.0 < weight < inf else 0.0, []).append(node)
        for node in gone:
            node.closed = True
        self.removes += len(gone)
        self.nodes = tuple(dict.fromkeys(nodes))
        self._regroup(groups)

    def _regroup(self, groups: dict[float, list[Node]]) -> None:
        for weight in self._classes.keys() - groups.keys():
            self._classes.pop(weight).update(())
        for weight, members in groups.items():
            balancer = self._classes.get(weight)
            if balancer is None:
                balancer = self._classes[weight] = self._make()
            balancer.update(members)
            for node in members:
                node.home = balancer
        drawn = sorted(weight for weight in groups if weight) or list(groups)
        self._only = self._classes[drawn[0]] if len(drawn) == 1 else None if drawn else self._make()
        self._balancers = [self._classes[weight] for weight in drawn]
        total = 0.0
        self._steps = [total := total + weight * len(groups[weight]) for weight in drawn]

    def pick(self, now: float) -> Node | None:
        """The pick of the class that is drawn, or of the next class that has an available node."""
        only = self._only
        if only is not None:
            return only.pick(now)
        steps = self._steps
        drawn = bisect(steps, self._random() * steps[-1], 0, len(steps) - 1)
        node = self._balancers[drawn].pick(now)
        if node is not None and node.accrual.opens_at > now:
            return self._next_open(drawn, node, now)
        return node

    def _next_open(self, drawn: int, closed: Node, now: float) -> Node:
        for balancer in self._balancers[drawn + 1 :] + self._balancers[:drawn]:
            node = balancer.pick(now)
            if node is not None and node.accrual.opens_at <= now:
                return node
        return closed

    def begin(self, node: Node, now: float) -> bool:
        """See `Balancer`."""
        return node.home.begin(node, now)

    def end(self, node: Node, now: float, latency_s: float | None) -> None:
        """See `Balancer`; also for nodes that were removed meanwhile."""
        node.home.end(node, now, latency_s)
