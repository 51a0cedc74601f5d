"""The role `loadBalancer` of a client: the keys that all balancers have, and how one is built."""

from random import Random
from typing import Annotated

from noderouter.proxy.balancer.balancer import Balancer
from noderouter.proxy.balancer.picker import Picker
from noderouter.schema.kind import Field, Kind, field_validator

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
        """A balancer for one client, without nodes yet."""
        return Balancer(lambda: self.build_picker(rng), rng)

    def build_picker(self, rng: Random) -> Picker:
        """What chooses among nodes of equal weight."""
        raise NotImplementedError
