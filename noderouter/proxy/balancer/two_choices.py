"""Power of two choices: the draw that p2c, ewma and aperture share. A module of its own because it is compiled."""

from collections.abc import Callable

from noderouter.proxy.balancer.node import Node


class Pairs:
    """What is drawn from: the first `size` of `nodes`."""

    __slots__ = ("_bits", "nodes", "size")

    def __init__(self, bits: Callable[[int], int]) -> None:
        """`bits` is `Random.getrandbits`."""
        self._bits = bits
        self.nodes: list[Node] = []
        self.size = 0

    def pick(self, now: float) -> Node | None:
        """Of two different ones the available one, then the one with the lower load. None where neither is."""
        return less_loaded(self.nodes, self.size, self._bits, now)


def less_loaded(nodes: list[Node], size: int, bits: Callable[[int], int], now: float) -> Node | None:
    """See `Pairs.pick`."""
    others = size - 1
    if not others:
        node = nodes[0]
        return node if node.accrual.opens_at <= now else None
    # One random number makes both: which of the pairs (i, j), j != i. (Shifted bits are quicker than a float.)
    j = bits(30) * (size * others) >> 30
    i = j // others
    j -= i * others
    if j >= i:
        j += 1
    node = nodes[i]
    other = nodes[j]
    if node.accrual.opens_at <= now:
        return other if other.load < node.load and other.accrual.opens_at <= now else node
    return other if other.accrual.opens_at <= now else None
