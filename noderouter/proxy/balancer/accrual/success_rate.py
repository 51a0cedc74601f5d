"""`io.l5d.successRate`: a node is taken out when its share of successes, averaged over requests, gets too low.

The average moves exponentially: a request counts 1/e of its weight when `requests` more have come. It says
nothing until so many have been seen.
"""

from math import exp
from random import Random
from typing import Annotated, ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import Accrual, AccrualFactory
from noderouter.proxy.retry.backoff import Backoff
from noderouter.schema.kind import Field


class SuccessRate(Accrual):
    """Trips at a failure that leaves the average below `required`."""

    __slots__ = ("_average", "_fade", "_requests", "_required", "_seen")

    def __init__(self, required: float, requests: int, backoff: Backoff) -> None:
        super().__init__(backoff)
        self._required = required
        self._requests = requests
        self._fade = exp(-1 / requests)
        self._average = 1.0
        self._seen = 0

    def success(self, now: float) -> None:
        """See `Accrual`."""
        if self.opens_at:
            self.revive()
        else:
            self._seen += 1
            self._average = 1.0 - (1.0 - self._average) * self._fade

    def trips(self, now: float) -> bool:
        """See `Accrual`."""
        self._seen += 1
        # The very first report is the average; there is nothing before it to fade.
        self._average = self._average * self._fade if self._seen > 1 else 0.0
        return self._seen >= self._requests and self._average < self._required

    def forget(self) -> None:
        """See `Accrual`."""
        self._average = 1.0
        self._seen = 0


class SuccessRateKind(PolicyKind):
    """`io.l5d.successRate`: by a moving average over requests."""

    kind_name: ClassVar[str] = "io.l5d.successRate"

    kind: Literal["io.l5d.successRate"] = "io.l5d.successRate"
    successRate: Annotated[float, Field(ge=0, le=1)]
    requests: Annotated[int, Field(ge=1)]

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: SuccessRate(self.successRate, self.requests, self.backoff.build(rng))
