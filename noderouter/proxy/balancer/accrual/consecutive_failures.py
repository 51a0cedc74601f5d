"""`io.l5d.consecutiveFailures`, the default: a node is taken out after so many failures in a row."""

from random import Random
from typing import Annotated, ClassVar, Literal

from noderouter.proxy.balancer.accrual.kind import PolicyKind
from noderouter.proxy.balancer.accrual.machine import Accrual, AccrualFactory
from noderouter.proxy.retry.backoff import Backoff
from noderouter.schema.kind import Field


class ConsecutiveFailures(Accrual):
    """Trips at the `limit`-th failure without a success in between."""

    __slots__ = ("_limit", "_row")

    def __init__(self, limit: int, backoff: Backoff) -> None:
        super().__init__(backoff)
        self._limit = limit
        self._row = 0

    def success(self, now: float) -> None:
        """See `Accrual`."""
        self._row = 0
        if self.opens_at:
            self.revive()

    def trips(self, now: float) -> bool:
        """See `Accrual`."""
        self._row += 1
        return self._row >= self._limit

    def forget(self) -> None:
        """See `Accrual`."""
        self._row = 0


class ConsecutiveFailuresKind(PolicyKind):
    """`io.l5d.consecutiveFailures`: by failures in a row."""

    kind_name: ClassVar[str] = "io.l5d.consecutiveFailures"

    kind: Literal["io.l5d.consecutiveFailures"] = "io.l5d.consecutiveFailures"
    failures: Annotated[int, Field(ge=1)] = 5

    def build(self, rng: Random) -> AccrualFactory:
        """See `AccrualKind`."""
        return lambda: ConsecutiveFailures(self.failures, self.backoff.build(rng))
