"""How much is to be shed, from how it is now: a state machine without a clock of its own (pure).

Memory has a high and a low watermark: above the high one everything new is shed, until it is below the low one. Lag
counts when it lasts, since everybody is late once in a while; then a quarter more is shed each second while it does, up
to three quarters, so that others are still served; and a quarter less with each look at which all is well.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

ALL: Final = 4
"""What is shed is so many quarters."""
MOST_FOR_LAG: Final = 3
LASTS_SECONDS: Final = 1.0
"""Lag that lasts so long counts, and counts again."""


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Where shedding begins and stops. Memory as a share of its limit, lag in seconds."""

    memory_high: float = 0.9
    memory_low: float = 0.8
    lag_high: float = 1.0
    lag_low: float = 0.25


class Pressure:
    """Computes from measurements how much is shed.

    Attributes:
        short: memory is short.
        quarters: how much is shed, of `ALL`.
    """

    __slots__ = ("_lag_quarters", "_late_since", "_marks", "short")

    def __init__(self, marks: Watermarks) -> None:
        self.short = False
        self._marks = marks
        self._lag_quarters = 0
        self._late_since = inf

    @property
    def quarters(self) -> int:
        """The number of quarters of new requests that are shed."""
        return ALL if self.short else self._lag_quarters

    def look(self, now: float, memory: float, lag: float) -> None:
        """Take in what was measured at `now` (seconds)."""
        marks = self._marks
        if memory >= marks.memory_high:
            self.short = True
        elif memory < marks.memory_low:
            self.short = False
        if lag >= marks.lag_high:
            if self._late_since == inf:
                self._late_since = now
            elif now - self._late_since >= LASTS_SECONDS:
                self._late_since = now
                self._lag_quarters = min(MOST_FOR_LAG, self._lag_quarters + 1)
        else:
            self._late_since = inf
            if lag < marks.lag_low and self._lag_quarters:
                self._lag_quarters -= 1
