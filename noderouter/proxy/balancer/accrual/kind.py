"""The role `failureAccrual` of a client: what a policy has to offer, and the keys that policies share."""

from random import Random
from typing import Annotated, Final

from noderouter.proxy.balancer.accrual.machine import AccrualFactory
from noderouter.proxy.retry.backoff import BackoffKind, EqualJitteredKind
from noderouter.schema.kind import Kind, kind_field

DEFAULT_BACKOFF: Final = EqualJitteredKind(minMs=5_000, maxMs=300_000)


class AccrualKind(Kind):
    """What `failureAccrual` may be (`io.l5d.consecutiveFailures` where it is absent)."""

    def build(self, rng: Random) -> AccrualFactory:
        """A factory of machines, one for each node; all draw their jitter from `rng`."""
        raise NotImplementedError


class PolicyKind(AccrualKind):
    """The keys of policies that can take a node out."""

    backoff: Annotated[BackoffKind, kind_field(BackoffKind, "noderouter.proxy.retry")] = DEFAULT_BACKOFF
    """How long a node stays out, the first time, the second time in a row, and so on."""
