"""`none`: endpoints are never left out."""

from random import Random
from typing import ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL, AccrualFactory


class NoneKind(AccrualKind):
    """`none`: no failure accrual."""

    kind_name: ClassVar[str] = "none"

    kind: Literal["none"] = "none"

    def build(self, rng: Random) -> AccrualFactory:
        """The shared machine that never trips."""
        return lambda: NO_ACCRUAL
