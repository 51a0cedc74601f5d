"""The role `loadBalancer` of a client: the keys that all balancers have, and how one is built."""

from random import Random
from typing import Annotated

from pydantic import Field, field_validator

from noderouter.balancer.balancer import Balancer
from noderouter.balancer.weight_classes import WeightClasses
from noderouter.config.kind import Kind

Effort = Annotated[int, Field(ge=1, le=1000)]
"""`maxEffort`: how many draws until the balancer looks through all nodes for an available one."""


class BalancerKind(Kind):
    """What `loadBalancer` may be (`p2c` where it is absent)."""

    enableProbation: bool = False

    @field_validator("enableProbation")
    @classmethod
    def _no_probation(cls, value: bool) -> bool:
        if value:
            raise ValueError(
                "enableProbation: true would keep sending requests to addresses that discovery has removed,"
                " and another service may own them by then; leave the key out or set it to false"
            )
        return value

    def build(self, rng: Random) -> Balancer:
        """A balancer for one client, without nodes yet; it groups them by weight."""
        return WeightClasses(lambda: self.build_class(rng), rng)

    def build_class(self, rng: Random) -> Balancer:
        """A balancer for nodes of equal weight."""
        raise NotImplementedError
