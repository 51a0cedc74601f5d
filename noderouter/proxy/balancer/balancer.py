"""The balancer of one client: which of its nodes gets the next request, and the book-keeping around it.

In the pipe it stands between the client stack and the endpoint:

    node = balancer.pick(now)           which one
    probe = balancer.begin(node, now)   the request is on its way
    ...
    balancer.end(node, now, latency_s)  exactly once for each begin

Nodes are grouped into classes of equal weight, each with a picker of its own, because comparing the loads of
nodes of different weight would say little. A class is drawn with probability weight x size; a class without
any available node gives way to the next one that has one.

Weights come from address files and dtab unions. What is not a positive finite number counts as 0; nodes of
weight 0 get requests only where no other node exists.

Invariants: `pick` answers None only when there is no node at all; when every node is closed by failure accrual
it still picks (fail open). A node that was removed is never picked again, but its `end` is still welcome.
"""

from bisect import bisect
from collections.abc import Callable, Sequence
from math import inf
from random import Random

from noderouter.proxy.balancer.accrual.machine import Counts
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.picker import Picker
from noderouter.proxy.balancer.two_choices import Pairs


class Balancer:
    """Draws a weight class, and lets its picker choose."""

    __slots__ = (
        "_departed",
        "_drawn",
        "_exhausted",
        "_make",
        "_only",
        "_pairs",
        "_pickers",
        "_random",
        "_steps",
        "adds",
        "nodes",
        "removes",
    )

    def __init__(self, make: Callable[[], Picker], rng: Random) -> None:
        """`make` builds the picker of one class."""
        self._make = make
        self._random = rng.random
        self._pickers: dict[float, Picker] = {}
        """By weight, also that of weight 0."""
        self._drawn: list[Picker] = []
        """Nodes that get requests, and the upper end of each one's share."""
        self._steps: list[float] = []
        self._only: Picker | None = None
        """The one that gets all of them, where it is one."""
        self._pairs: Pairs | None = None
        """What that one draws from, where that is all there is to a pick."""
        self.nodes: tuple[Node, ...] = ()
        self._departed = Counts()
        self._exhausted = 0
        """Of pickers that have left."""
        self.adds = 0
        self.removes = 0

    def __repr__(self) -> str:
        return f"<Balancer nodes={len(self.nodes)} classes={len(self._pickers)}>"

    def update(self, nodes: Sequence[Node]) -> None:
        """Take `nodes`, in any order, as the whole set from now on.

        Nodes that stay keep their state; those that are gone are marked `closed`.
        """
        stay = set(self.nodes).intersection(nodes)
        gone = [node for node in self.nodes if node not in stay]
        for node in gone:
            node.closed = True
        self._departed = self._departed.plus(node.accrual for node in gone)
        self.removes += len(gone)
        self.nodes = tuple(dict.fromkeys(nodes))
        self.adds += len(self.nodes) - len(stay)
        classes: dict[float, list[Node]] = {}
        for node in self.nodes:
            node.closed = False
            classes.setdefault(node.weight if 0.0 < node.weight < inf else 0.0, []).append(node)
        self._regroup(classes)

    @property
    def accrual_counts(self) -> Counts:
        """What failure accrual did to the nodes, including those that have left: it never goes back."""
        return self._departed.plus(node.accrual for node in self.nodes)

    @property
    def efforts_exhausted(self) -> int:
        """See `Picker.exhausted`; it never goes back."""
        return self._exhausted + sum(picker.exhausted() for picker in self._pickers.values())

    def _regroup(self, classes: dict[float, list[Node]]) -> None:
        pickers = self._pickers
        for weight, members in classes.items():
            if weight not in pickers:
                pickers[weight] = self._make()
            pickers[weight].update(members)
        for weight in pickers.keys() - classes.keys():
            left = pickers.pop(weight)
            left.update(())
            self._exhausted += left.exhausted()
        weights = sorted(weight for weight in classes if weight > 0.0) or list(classes)
        self._drawn = [pickers[weight] for weight in weights]
        total = 0.0
        self._steps = [total := total + weight * len(classes[weight]) for weight in weights]
        self._only = self._drawn[0] if len(weights) == 1 else None
        self._pairs = None if self._only is None or not self.nodes else self._only.drawn_from()

    def pick(self, now: float) -> Node | None:
        """The node for the next request; None only when there is none at all."""
        pairs = self._pairs
        if pairs is not None:
            drawn = pairs.pick(now)
            if drawn is not None:
                return drawn
        only = self._only
        if only is not None:
            return only.pick(now) if pairs is None else only.pick_again(now)
        steps = self._steps
        if not steps:
            return None
        place = bisect(steps, self._random() * steps[-1], 0, len(steps) - 1)
        node = self._drawn[place].pick(now)
        if node.accrual.opens_at > now:
            return self._pick_open(place, node, now)
        return node

    def _pick_open(self, place: int, closed: Node, now: float) -> Node:
        """A pick of the next class that has an available node; the closed one if there is no such class."""
        for picker in self._drawn[place + 1 :] + self._drawn[:place]:
            node = picker.pick(now)
            if node.accrual.opens_at <= now:
                return node
        return closed

    def begin(self, node: Node, now: float) -> bool:
        """A request to `node` begins. True: it is the node's probe, and owes `node.accrual` a report."""
        node.pending += 1
        node.load = float(node.pending)
        home = node.home
        if home.keeps_books:
            home.began(node, now)
        accrual = node.accrual
        return accrual.opens_at != 0.0 and accrual.probe(now)

    def end(self, node: Node, now: float, latency_s: float | None) -> None:
        """A request to `node` ended, whether it is still a member or not.

        Args:
            latency_s: from `begin` to the response head; None where there was none (how quickly a request
                failed says nothing about how quick the node is).
        """
        node.pending -= 1
        node.load = float(node.pending)
        home = node.home
        if home.keeps_books:
            home.ended(node, now, latency_s)
