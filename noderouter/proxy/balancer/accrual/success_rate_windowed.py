"""`io.l5d.successRateWindowed`: a node is taken out when its share of successes in the last seconds gets too low."""

from random import Random
from typing import Annotated, ClassVar, Final, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import Accrual, AccrualFactory
from noderouter.proxy.retry.backoff import Backoff
from noderouter.proxy.retry.window import WindowedSum
from noderouter.schema.kind import Field

FEWEST: Final = 5
"""Requests in the window below which the share is not judged."""


class SuccessRateWindowed(Accrual):
    """Trips at a failure that leaves the share of successes below `required`."""

    __slots__ = ("_failures", "_required", "_successes")

    def __init__(self, required: float, window_s: float, backoff: Backoff) -> None:
        super().__init__(backoff)
        self._required = required
        self._successes = WindowedSum(window_s)
        self._failures = WindowedSum(window_s)

    def success(self, now: float) -> None:
        """See `Accrual`."""
        if self.opens_at:
            self.revive()
        else:
            self._successes.add(1, now)

    def trips(self, now: float) -> bool:
        """See `Accrual`."""
        self._failures.add(1, now)
        successes = self._successes.sum(now)
        seen = successes + self._failures.sum(now)
        return seen >= FEWEST and successes < self._required * seen

    def forget(self) -> None:
        """See `Accrual`."""
        self._successes.clear()
        self._failures.clear()


class SuccessRateWindowedKind(PolicyKind):
    """`io.l5d.successRateWindowed`: by the share of the last `window` seconds."""

    kind_name: ClassVar[str] = "io.l5d.successRateWindowed"

    kind: Literal["io.l5d.successRateWindowed"] = "io.l5d.successRateWindowed"
    successRate: Annotated[float, Field(ge=0, le=1)]
    window: Annotated[int, Field(ge=1, le=24 * 3600)]

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: SuccessRateWindowed(self.successRate, self.window, self.backoff.build(rng))
