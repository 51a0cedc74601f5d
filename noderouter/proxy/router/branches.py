"""Which branch of a bound name a request takes: the tree, flattened into routes with their shares.

A bound tree holds leaves and unions only. Every request draws independently, with the probability that the weights
along its branch give (all-zero weights: each alike).
"""

from bisect import bisect
from collections.abc import Awaitable, Sequence
from itertools import accumulate
from random import Random

from dtab import Bound, Leaf, NameTree, Union
from noderouter.core.exchange import Exchange
from noderouter.core.service import Serving

Branch = Serving
"""What a leaf becomes: a route, or what answers in its place."""


def shares(tree: NameTree[Bound], whole: float = 1.0) -> list[tuple[float, Bound | None]]:
    """The leaves of `tree` with their probabilities, None for a branch that is neg, empty or fail."""
    if isinstance(tree, Leaf):
        return [(whole, tree.value)]
    if not isinstance(tree, Union) or not tree.branches:
        return [(whole, None)]
    total = sum(branch.weight for branch in tree.branches)
    found = []
    for branch in tree.branches:
        part = branch.weight / total if total > 0 else 1 / len(tree.branches)
        if part > 0:
            found += shares(branch.tree, whole * part)
    return found


class Picker:
    """Draws among branches."""

    __slots__ = ("_bounds", "_branches", "_random")

    def __init__(self, branches: Sequence[tuple[float, Branch]], rng: Random) -> None:
        """`branches` with their probabilities, which sum to 1."""
        self._branches = [branch.serve for _, branch in branches]
        self._bounds = list(accumulate(share for share, _ in branches))[:-1]
        self._random = rng.random

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        return self._branches[bisect(self._bounds, self._random())](exchange)
