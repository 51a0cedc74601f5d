"""A sum over the last seconds, in slices: adding and reading cost the same however much was added.

Used by the windowed failure accrual and by retry budgets. What was added counts for at least nine tenths of
the window and at most all of it.
"""

from typing import Final

SLICES: Final = 10


class WindowedSum:
    """A sum that forgets. `now` may stand still or step back; then nothing is forgotten."""

    __slots__ = ("_current", "_ends", "_past", "_slices", "_width")

    def __init__(self, window_s: float) -> None:
        self._width = window_s / SLICES
        self._ends = 0.0
        """When the current slice ends."""
        self._current = 0
        self._slices = [0] * (SLICES - 1)
        """Older slices, the oldest first."""
        self._past = 0
        """Their sum."""

    def add(self, amount: int, now: float) -> None:
        """Count `amount`, which may be negative."""
        if now >= self._ends:
            self._rotate(now)
        self._current += amount

    def sum(self, now: float) -> int:
        """What was added within the window."""
        if now >= self._ends:
            self._rotate(now)
        return self._current + self._past

    def clear(self) -> None:
        """Forget everything."""
        self._current = self._past = 0
        self._slices = [0] * (SLICES - 1)

    def _rotate(self, now: float) -> None:
        """Begin the slice that `now` lies in."""
        number = now // self._width
        passed = int(min(number - round(self._ends / self._width) + 1, SLICES))
        shifted = (self._slices + [self._current] + [0] * (passed - 1))[passed:]
        self._slices = shifted[-(SLICES - 1) :]
        self._current = 0
        self._past = sum(self._slices)
        self._ends = (number + 1) * self._width
