"""Distributions with fixed buckets: one bisect and four stores per value.

Sits on the hot path: `add` is called once per request and statistics object. Everything else (quantiles, JSON,
Prometheus) happens when somebody reads.

Theory of operation: values fall into buckets whose bounds grow by a constant ratio r, about 1.19. A quantile is
answered as the geometric middle of its bucket, so it is wrong by at most sqrt(r) - 1, about 9 %, never outside
the exact smallest and largest value. As in Linkerd the buckets are those of a tumbling window: `roll` ends a
window, and only ended windows are visible. `total_count` and `total_sum` never go back; Prometheus reads those.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf, sqrt
from typing import Final

RATIO: Final = 10 ** (6 / 80)
"""Between neighbouring bounds: 80 of them span six decades."""

QUANTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p9990", 0.999), ("p9999", 0.9999))
"""The quantiles that are reported, by their names in metrics.json."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The buckets of a kind of histogram.

    Bucket i holds the values v with bounds[i-1] < v <= bounds[i]; the last one has no upper bound. `middles` is
    what a quantile in that bucket is reported as. Reported values are multiplied by `factor`.
    """

    bounds: tuple[float, ...]
    middles: tuple[float, ...]
    factor: float


def _geometric(first: float, last: float) -> list[float]:
    bounds = [first]
    while bounds[-1] < last * 0.999:
        bounds.append(first * RATIO ** len(bounds))
    return bounds


def _durations(first: float, last: float) -> Scale:
    """A scale for seconds, reported in milliseconds."""
    bounds = _geometric(first, last)
    middles = [first / 2, *(bound / sqrt(RATIO) for bound in bounds[1:]), inf]
    return Scale(tuple(bounds), tuple(middles), 1000.0)


def _counts() -> Scale:
    """A scale for whole numbers: exact up to 16, then like the others."""
    exact = [float(n) for n in range(17)]
    coarse = _geometric(16.0, 16e6)[1:]
    middles = [*exact, *(bound / sqrt(RATIO) for bound in coarse), inf]
    return Scale((*exact, *coarse), tuple(middles), 1.0)


LATENCY: Final = _durations(1e-4, 1e2)
"""Seconds of a request: 0.1 ms to 100 s."""
LIFETIME: Final = _durations(1e-3, 1e6)
"""Seconds of a connection: 1 ms to 11 days."""
COUNT: Final = _counts()
"""Whole numbers: retries per request, requests per connection."""


class Window:
    """The values of one ended window; never changed after it was made."""

    __slots__ = ("count", "counts", "high", "low", "scale", "sum")

    def __init__(self, scale: Scale, counts: Sequence[int], total: float, low: float, high: float) -> None:
        self.scale = scale
        self.counts = counts
        self.count = sum(counts)
        self.sum = total
        self.low = low
        self.high = high

    def quantile(self, q: float) -> float:
        """The value that a share `q` of the values does not exceed; 0.0 where there are none."""
        if not self.count:
            return 0.0
        left = max(1, ceil(q * self.count))
        if left == self.count:
            return self.high
        bucket = bisect_left(list(accumulate(self.counts)), left)
        return min(max(self.scale.middles[bucket], self.low), self.high)


FOLD: Final = 64
"""Fresh values that wait at the most."""


class Histogram:
    """A distribution; `add` is all that the hot path calls.

    New values wait in `fresh`, and are sorted into buckets together: a sort and a walk over the bounds cost a third
    of looking for the bucket of each. Whoever appends to `fresh` calls `fold` when it is `FOLD` long.
    """

    __slots__ = ("_bounds", "_counts", "_high", "_low", "_past_count", "_past_sum", "_sum", "fresh", "scale", "window")

    def __init__(self, scale: Scale = LATENCY) -> None:
        self.scale = scale
        self.window: Window | None = None
        """The last ended window; None before the first `roll`."""
        self._past_count = 0
        self._past_sum = 0.0
        self._bounds = scale.bounds
        self.fresh: list[float] = []
        self._restart()

    def __repr__(self) -> str:
        return f"<Histogram count={self.total_count} sum={self.total_sum:.6g}>"

    def _restart(self) -> None:
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._low = inf
        self._high = -inf

    def add(self, value: float) -> None:
        """Count one value (seconds, for the scales of time)."""
        fresh = self.fresh
        fresh.append(value)
        if len(fresh) >= FOLD:
            self.fold()

    def fold(self) -> None:
        """Sort the fresh values into their buckets. Everything that reads does this first."""
        fresh = self.fresh
        if not fresh:
            return
        fresh.sort()
        self._sum += sum(fresh)
        self._low = min(self._low, fresh[0])
        self._high = max(self._high, fresh[-1])
        bounds, counts = self._bounds, self._counts
        start, count = 0, len(fresh)
        while start < count:
            bucket = bisect_left(bounds, fresh[start])
            end = bisect_right(fresh, bounds[bucket], start) if bucket < len(bounds) else count
            counts[bucket] += end - start
            start = end
        fresh.clear()

    @property
    def total_count(self) -> int:
        """How many values were added, ever."""
        self.fold()
        return self._past_count + sum(self._counts)

    @property
    def total_sum(self) -> float:
        """The sum of all values ever added, in the unit they were added in."""
        self.fold()
        return self._past_sum + self._sum

    def roll(self) -> None:
        """End the window: its values become visible, the next one starts empty."""
        self.fold()
        if self._high == -inf and self.window is not None and not self.window.count:
            return  # idle before and now: keep the window, spare the allocation
        window = Window(self.scale, self._counts, self._sum, self._low, self._high)
        self._past_count += window.count
        self._past_sum += window.sum
        self.window = window
        self._restart()

    def absorb(self, other: "Histogram") -> None:
        """Add all that `other` holds (same scale); for sums over several histograms."""
        self.fold()
        other.fold()
        self._past_count += other._past_count
        self._past_sum += other._past_sum
        if other._high != -inf:
            self._counts = list(map(int.__add__, self._counts, other._counts))
            self._sum += other._sum
            self._low = min(self._low, other._low)
            self._high = max(self._high, other._high)
        mine, theirs = self.window, other.window
        if mine is None or theirs is None or not mine.count or not theirs.count:
            self.window = theirs if mine is None or (theirs is not None and theirs.count) else mine
        else:
            counts = list(map(int.__add__, mine.counts, theirs.counts))
            low, high = min(mine.low, theirs.low), max(mine.high, theirs.high)
            self.window = Window(self.scale, counts, mine.sum + theirs.sum, low, high)
