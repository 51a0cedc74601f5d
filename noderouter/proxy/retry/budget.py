"""The retry budget: retries as a share of requests (docs/linkerd1.md section 4.3), so that no outage is multiplied.

A token bucket in Finagle's manner. Every request deposits, every retry withdraws; both count for `ttlSecs`. A
reserve of `minRetriesPerSec` for each second of that time is always there, so that a quiet service may retry
too. Used above the binding (one per logical name) and in the client (requeues).
"""

from typing import Final

from noderouter.proxy.retry.window import WindowedSum

DEPOSIT: Final = 1000
"""What one request pays in; fine enough for any share to be a whole number of these."""


class RetryBudget:
    """Decides whether one more retry may happen. `now` is the same clock in all calls."""

    __slots__ = ("_cost", "_deposit", "_flow", "_reserve")

    def __init__(self, ttl_s: float = 10.0, min_retries_per_s: float = 10.0, percent_can_retry: float = 0.2) -> None:
        """`percent_can_retry` is Linkerd's name for a share: 0.2 lets one request in five be a retry."""
        self._flow = WindowedSum(ttl_s)
        if percent_can_retry > 0:
            self._deposit = DEPOSIT
            self._cost = max(1, int(DEPOSIT / percent_can_retry))
        else:
            self._deposit = 0
            self._cost = 1
        self._reserve = int(min_retries_per_s * ttl_s) * self._cost

    def __repr__(self) -> str:
        return f"<RetryBudget reserve={self._reserve} cost={self._cost}>"

    def deposit(self, now: float) -> None:
        """A request came, which is not itself a retry."""
        self._flow.add(self._deposit, now)

    def try_withdraw(self, now: float) -> bool:
        """Pay for one retry; False where the budget does not."""
        cost = self._cost
        if self._reserve + self._flow.sum(now) < cost:
            return False
        self._flow.add(-cost, now)
        return True

    def balance(self, now: float) -> int:
        """Retries that could be paid for right now."""
        # Deposits run out before the retries that they paid for, so the sum can be negative for a while.
        return max(0, self._reserve + self._flow.sum(now)) // self._cost
