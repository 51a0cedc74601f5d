"""The role `failureAccrual` of a client: what a policy has to offer."""

from random import Random

from noderouter.balancer.accrual.machine import AccrualFactory
from noderouter.config.kind import Kind


class AccrualKind(Kind):
    """What `failureAccrual` may be (`io.l5d.consecutiveFailures` where it is absent)."""

    def build(self, rng: Random) -> AccrualFactory:
        """A factory of machines, one for each node; all draw their jitter from `rng`."""
        raise NotImplementedError
