"""`aperture`: P2C over as few nodes as the load needs.

A router with little traffic that talks to many nodes keeps a connection open to each and learns little about
any. Aperture draws from a subset, its order random per router, and sizes it so that the requests outstanding
per node, smoothed over `smoothWindowMs`, stay between `lowLoad` and `highLoad`. With few nodes or much traffic
it is P2C.
"""

from collections.abc import Sequence
from math import exp, inf
from random import Random
from typing import Annotated, ClassVar, Literal, Self

from noderouter.proxy.balancer.kind import BalancerKind, Effort
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.p2c import P2C
from noderouter.proxy.balancer.picker import Picker
from noderouter.schema.kind import Field, model_validator


class Aperture(P2C):
    """P2C over the first nodes of a random order. Nodes that prove unavailable move behind the others."""

    __slots__ = (
        "_average",
        "_high",
        "_least",
        "_low",
        "_narrow_at",
        "_ranks",
        "_rate",
        "_stamp",
        "_total",
        "_widen_at",
    )

    keeps_books = True

    def __init__(self, kind: "ApertureKind", rng: Random) -> None:
        self._rate = 1000 / kind.smoothWindowMs
        self._low = kind.lowLoad
        self._high = kind.highLoad
        self._least = kind.minAperture
        self._ranks: dict[Node, float] = {}
        """By which members are ordered."""
        self._total = 0
        """Requests outstanding at members."""
        self._average = 0.0
        """The same, smoothed, at the time `_stamp`."""
        self._stamp = 0.0
        super().__init__(kind.maxEffort, rng)

    def update(self, nodes: Sequence[Node]) -> None:
        """See `Picker`. Members keep their place in the order; the aperture keeps its size, if it can."""
        self.adopt(self.pairs.nodes, nodes)
        ranks = self._ranks
        self._ranks = {node: ranks.get(node) or self._random() for node in nodes}
        self.pairs.nodes = sorted(nodes, key=self._ranks.__getitem__)
        self._total = sum(node.pending for node in nodes)
        self._resize(min(max(self.pairs.size, self._least), len(nodes)))

    def _resize(self, size: int) -> None:
        self.pairs.size = size
        self._widen_at = self._high * size if size < len(self.pairs.nodes) else inf
        self._narrow_at = self._low * size if size > self._least else -inf

    def began(self, node: Node, now: float) -> None:
        """See `Picker`."""
        if node.index >= 0:
            total = self._total = self._total + 1
            average = self._average = total + (self._average - total) * exp((self._stamp - now) * self._rate)
            self._stamp = now
            if not self._narrow_at < average < self._widen_at:
                self._resize(self.pairs.size + 1 if average >= self._widen_at else self.pairs.size - 1)

    def ended(self, node: Node, now: float, latency_s: float | None) -> None:
        """See `Picker`."""
        if node.index >= 0:
            total = self._total = self._total - 1
            average = self._average = total + (self._average - total) * exp((self._stamp - now) * self._rate)
            self._stamp = now
            if not self._narrow_at < average < self._widen_at:
                self._resize(self.pairs.size + 1 if average >= self._widen_at else self.pairs.size - 1)

    def _ready(self, now: float) -> list[Node]:
        """All available nodes, of which the first fill the aperture from now on."""
        nodes = self.pairs.nodes
        ready = super()._ready(now)
        if ready:
            self.pairs.nodes = ready + [node for node in nodes if node.accrual.opens_at > now]
        return ready[: self.pairs.size]


class ApertureKind(BalancerKind):
    """`aperture`: power of two choices within a subset."""

    kind_name: ClassVar[str] = "aperture"

    kind: Literal["aperture"] = "aperture"
    smoothWindowMs: Annotated[int, Field(ge=1, le=24 * 3600 * 1000)] = 5_000
    lowLoad: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5
    highLoad: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    minAperture: Annotated[int, Field(ge=1)] = 1
    maxEffort: Effort = 5

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lowLoad >= self.highLoad:
            raise ValueError(f"lowLoad ({self.lowLoad:g}) must be less than highLoad ({self.highLoad:g})")
        return self

    def build_picker(self, rng: Random) -> Picker:
        """See `BalancerKind`."""
        return Aperture(self, rng)
