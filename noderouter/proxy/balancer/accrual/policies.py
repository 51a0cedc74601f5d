"""The policies of failure accrual: what each of them counts, and when it has had enough. Their kinds are beside this.

A module of its own because it is compiled: every request that succeeds is counted here.
"""

from math import exp
from typing import Final

from noderouter.proxy.balancer.accrual.machine import Accrual
from noderouter.proxy.retry.backoff import Backoff
from noderouter.proxy.retry.window import WindowedSum

FEWEST: Final = 5
"""Requests in the window below which `SuccessRateWindowed` does not judge."""


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


class SuccessRate(Accrual):
    """Trips at a failure that leaves the average below `required`.

    The average moves exponentially: a request counts 1/e of its weight when `requests` more have come. It is not asked
    until so many have been seen.
    """

    __slots__ = ("_average", "_fade", "_requests", "_required", "_seen")

    def __init__(self, required: float, requests: int, backoff: Backoff) -> None:
        super().__init__(backoff)
        self._required = required
        self._requests = requests
        self._fade = exp(-1 / requests)
        self._average = 1.0
        self._seen = 0

    def success(self, now: float) -> None:
        """See `Accrual`."""
        if self.opens_at:
            self.revive()
        else:
            self._seen += 1
            self._average = 1.0 - (1.0 - self._average) * self._fade

    def trips(self, now: float) -> bool:
        """See `Accrual`."""
        self._seen += 1
        # The very first report is the average; there is nothing before it to fade.
        self._average = self._average * self._fade if self._seen > 1 else 0.0
        return self._seen >= self._requests and self._average < self._required

    def forget(self) -> None:
        """See `Accrual`."""
        self._average = 1.0
        self._seen = 0


class SuccessRateWindowed(Accrual):
    """Trips at a failure that leaves the share of successes in the last `window_s` seconds below `required`."""

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
