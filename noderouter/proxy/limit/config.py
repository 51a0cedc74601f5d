"""`concurrency` of a service, and of a client: how many requests may be in progress at a time."""

from random import Random
from typing import Annotated, ClassVar, Final, Self

from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue
from noderouter.schema.fields import Milliseconds, Positive
from noderouter.schema.kind import Field, Model, model_validator

LEAST: Final = 4
"""What an adaptive limit shrinks to, unless `minRequests` says otherwise."""
MOST: Final = 1000
"""What an adaptive limit grows to, unless `maxRequests` says otherwise (Envoy's figure)."""
SPREAD: Final = 0.15
"""Intervals between measurements differ by up to this share, so that many limits are not measured at once."""


class Concurrency(Model):
    """A bound of requests in progress, of those that wait, and for how long."""

    section: ClassVar[str] = "concurrency"

    maxRequests: Positive | None = None
    """With `adaptive` the most that the limit grows to, 1000 unless said; else required."""
    minRequests: Positive | None = None
    """The least that an adaptive limit shrinks to, 4 unless said."""
    adaptive: bool = False
    """Whether the limit follows latency."""
    maxQueued: Annotated[int, Field(ge=0, le=10_000)] = 100
    queueTimeoutMs: Milliseconds = 100

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.maxRequests is None and not self.adaptive:
            raise ValueError("nothing is limited: set maxRequests, or adaptive: true")
        if self.minRequests is not None and not self.adaptive:
            raise ValueError("minRequests is for adaptive limits: set adaptive: true beside it, or take it out")
        if self.least > self.most:
            raise ValueError(f"minRequests ({self.least}) is larger than maxRequests ({self.most})")
        return self

    @property
    def most(self) -> int:
        """The limit, or the upper end of an adaptive one."""
        return self.maxRequests or MOST

    @property
    def least(self) -> int:
        """The lower end of an adaptive limit."""
        return min(LEAST, self.most) if self.minRequests is None else self.minRequests

    def gate(self, words: str, rng: Random) -> Gate:
        """The places of one service; `words` say whose they are."""
        return Gate(self.most, self.queue(), self.gradient(rng), words)

    def of_endpoint(self, rng: Random) -> tuple[int, Gradient | None]:
        """The limit of one endpoint, and what it follows."""
        return self.most, self.gradient(rng)

    def queue(self) -> Queue:
        """Those who wait for a place."""
        return Queue(self.maxQueued, self.queueTimeoutMs / 1000)

    def gradient(self, rng: Random) -> Gradient | None:
        """What an adaptive limit follows."""
        if not self.adaptive:
            return None
        return Gradient(self.least, self.most, rng.uniform(1 - SPREAD, 1 + SPREAD))
