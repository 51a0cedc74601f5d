"""`io.l5d.consecutiveFailures`, the default: a node is taken out after so many failures in a row."""

from random import Random
from typing import Annotated, ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.balancer.accrual.policies import ConsecutiveFailures
from noderouter.schema.kind import Field


class ConsecutiveFailuresKind(PolicyKind):
    """`io.l5d.consecutiveFailures`: by failures in a row."""

    kind_name: ClassVar[str] = "io.l5d.consecutiveFailures"

    kind: Literal["io.l5d.consecutiveFailures"] = "io.l5d.consecutiveFailures"
    failures: Annotated[int, Field(ge=1)] = 5

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: ConsecutiveFailures(self.failures, self.backoff.build(rng))
