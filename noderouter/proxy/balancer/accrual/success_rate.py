"""`io.l5d.successRate`: a node is taken out when its share of successes, averaged over requests, gets too low."""

from random import Random
from typing import Annotated, ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.balancer.accrual.policies import SuccessRate
from noderouter.schema.kind import Field


class SuccessRateKind(PolicyKind):
    """`io.l5d.successRate`: by a moving average over requests."""

    kind_name: ClassVar[str] = "io.l5d.successRate"

    kind: Literal["io.l5d.successRate"] = "io.l5d.successRate"
    successRate: Annotated[float, Field(ge=0, le=1)]
    requests: Annotated[int, Field(ge=1)]

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: SuccessRate(self.successRate, self.requests, self.backoff.build(rng))
