"""The choice among nodes of equal weight: what each kind of balancer is made of.

A picker belongs to a `Balancer`, which counts requests and probes; the picker chooses, and keeps whatever
books its choice needs.

Invariants: when every member is closed by failure accrual it still picks one (fail open). A node that was removed
is never picked again.
"""

from collections.abc import Sequence
from typing import ClassVar

from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.two_choices import Pairs


class Picker:
    """Chooses among its members."""

    __slots__ = ()

    keeps_books: ClassVar[bool] = False
    """Whether `began` and `ended` do anything; else they are not called."""

    def drawn_from(self) -> Pairs | None:
        """Where two random members decide: the balancer draws from it itself, and has `pick_again` where that fails."""
        return None

    def pick_again(self, now: float) -> Node:
        """`pick`, where neither of two that were drawn is available."""
        return self.pick(now)

    def exhausted(self) -> int:
        """How often `maxEffort` draws found no member available, and all were looked through."""
        return 0

    def update(self, nodes: Sequence[Node]) -> None:
        """Take `nodes`, each once and in any order, as all members from now on."""
        raise NotImplementedError

    def pick(self, now: float) -> Node:
        """The node for the next request; asked only while there are members."""
        raise NotImplementedError

    def began(self, node: Node, now: float) -> None:
        """A request began; `node` has counted it. Its `index` is negative if it is no longer a member."""

    def ended(self, node: Node, now: float, latency_s: float | None) -> None:
        """A request ended; `node` has counted it."""

    def adopt(self, before: Sequence[Node], nodes: Sequence[Node]) -> None:
        """For `update`: mark the members.

        A node whose weight changed may have been adopted by another picker already, and stays that one's.
        """
        for node in before:
            if node.home is self:
                node.index = -1
        for node in nodes:
            node.home = self
            node.index = 0
