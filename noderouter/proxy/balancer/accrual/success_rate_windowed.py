"""`io.l5d.successRateWindowed`: a node is taken out when its share of successes in the last seconds gets too low."""

from random import Random
from typing import Annotated, ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.balancer.accrual.policies import SuccessRateWindowed
from noderouter.schema.kind import Field


class SuccessRateWindowedKind(PolicyKind):
    """`io.l5d.successRateWindowed`: by the share of the last `window` seconds."""

    kind_name: ClassVar[str] = "io.l5d.successRateWindowed"

    kind: Literal["io.l5d.successRateWindowed"] = "io.l5d.successRateWindowed"
    successRate: Annotated[float, Field(ge=0, le=1)]
    window: Annotated[int, Field(ge=1, le=24 * 3600)]

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: SuccessRateWindowed(self.successRate, self.window, self.backoff.build(rng))
