"""Distributions with fixed buckets: one logarithm and four stores per value.

Sits on the hot path: `add` is called once per request and statistics object. Everything else (quantiles, JSON,
Prometheus) happens when somebody reads.

Theory of operation: values fall into buckets whose bounds grow by a constant ratio r, about 1.19. A quantile is
answered as the geometric middle of its bucket, so it is wrong by at most sqrt(r) - 1, about 9 %, never outside
the exact smallest and largest value. As in Linkerd the buckets are those of a tumbling window: `roll` ends a
window, and only ended windows are visible. `total_count` and `total_sum` never go back; Prometheus reads those.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import ceil, inf, log, sqrt
from typing import Final

RATIO: Final = 10 ** (6 / 80)
"""Between neighbouring bounds: 80 of them span six decades."""

QUANTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p9990", 0.999), ("p9999", 0.9999))
"""The quantiles that are reported, by their names in metrics.json."""


class Scale:
    """The buckets of a kind of histogram.

    Bucket i holds the values v with bounds[i-1] < v <= bounds[i]; the last one has no upper bound. `middles` is
    what a quantile in that bucket is reported as. Reported values are multiplied by `factor`.

    `edges` are the few of these bounds, by their places, up to which values are counted for good, over all windows:
    what a classic histogram of Prometheus shows. They are bounds, so those counts are exact.
    """

    __slots__ = ("_first", "_last", "_place", "_start", "_value", "bounds", "edges", "factor", "middles")

    def __init__(self, exact: list[float], bounds: list[float], factor: float, edges: range) -> None:
        """`exact` are bounds of buckets that hold one value each, `bounds` those behind them, by `RATIO` apart."""
        self.bounds = (*exact, *bounds)
        self.edges = tuple(edges)
        first = bounds[0] / (sqrt(RATIO) if exact else 2.0)
        self.middles = (*exact, first, *[bound / sqrt(RATIO) for bound in bounds[1:]], inf)
        self.factor = factor
        self._start = len(exact)
        self._first = bounds[0]
        self._last = bounds[-1]
        self._value = -inf
        self._place = 0

    def bucket(self, value: float) -> int:
        """Return the bucket of `value`: the last one's, if it is the same, as a request counts at several places."""
        if value != self._value:
            self._value = value
            self._place = self._find(value)
        return self._place

    def _find(self, value: float) -> int:
        """Return the bucket of `value`: computed, and corrected where rounding has missed by one."""
        bounds = self.bounds
        if value <= self._first:
            return bisect_left(bounds, value) if self._start else 0
        if value > self._last:
            return len(bounds)
        place = self._start + int(log(value / self._first) * _PER_BUCKET)
        while bounds[place] < value:
            place += 1
        while bounds[place - 1] >= value:
            place -= 1
        return place


def _geometric(first: float, last: float) -> list[float]:
    bounds = [first]
    while bounds[-1] < last * 0.999:
        bounds.append(first * RATIO ** len(bounds))
    return bounds


_PER_BUCKET: Final = 1 / log(RATIO)

LATENCY: Final = Scale([], _geometric(1e-4, 1e2), 1000.0, range(5, 76, 5))
"""Seconds of a request, 0.1 ms to 100 s, reported in milliseconds; fifteen edges from 0.24 ms to 42 s."""
LIFETIME: Final = Scale([], _geometric(1e-3, 1e6), 1000.0, range(0, 121, 10))
"""Seconds of a connection, 1 ms to 11 days, reported in milliseconds."""
COUNT: Final = Scale([float(n) for n in range(17)], _geometric(16.0, 16e6)[1:], 1.0, range(0, 97, 8))
"""Whole numbers, exact up to 16: retries per request, requests per connection."""


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
        """Return the value that a share `q` of the values does not exceed; 0.0 where there are none."""
        if not self.count:
            return 0.0
        left = max(1, ceil(q * self.count))
        if left == self.count:
            return self.high
        bucket = bisect_left(list(accumulate(self.counts)), left)
        return min(max(self.scale.middles[bucket], self.low), self.high)


def _up_to_edges(scale: Scale, counts: list[int]) -> list[int]:
    sums = list(accumulate(counts))
    return [sums[edge] for edge in scale.edges]


class Histogram:
    """A distribution; `add` is all that the hot path calls."""

    __slots__ = ("_counts", "_high", "_low", "_past", "_past_count", "_past_sum", "_sum", "scale", "window")

    def __init__(self, scale: Scale = LATENCY) -> None:
        self.scale = scale
        self.window: Window | None = None
        """The last ended window; None before the first `roll`."""
        self._past_count = 0
        self._past_sum = 0.0
        self._past: list[int] | None = None
        """Values up to each edge in ended windows; None where there were none."""
        self._restart()

    def __repr__(self) -> str:
        return f"<Histogram count={self.total_count} sum={self.total_sum:.6g}>"

    def _restart(self) -> None:
        self._counts = [0] * (len(self.scale.bounds) + 1)
        self._sum = 0.0
        self._low = inf
        self._high = -inf

    def add(self, value: float) -> None:
        """Count one value (seconds, for the scales of time)."""
        self._counts[self.scale.bucket(value)] += 1
        self._sum += value
        if value < self._low:
            self._low = value
        if value > self._high:
            self._high = value

    @property
    def counts(self) -> list[int]:
        """Of each bucket, in the window that goes on; not to be changed."""
        return self._counts

    @property
    def low(self) -> float:
        """The smallest value of the window that goes on; infinite where there is none."""
        return self._low

    @property
    def high(self) -> float:
        """The largest value of the window that goes on; minus infinity where there is none."""
        return self._high

    @property
    def total_count(self) -> int:
        """How many values were added, ever."""
        return self._past_count + sum(self._counts)

    @property
    def total_sum(self) -> float:
        """The sum of all values ever added, in the unit they were added in."""
        return self._past_sum + self._sum

    def totals(self) -> list[int]:
        """Return how many values were ever added up to each edge of the scale, and in all."""
        totals = _up_to_edges(self.scale, self._counts)
        if self._past is not None:
            totals = list(map(int.__add__, totals, self._past))
        totals.append(self.total_count)
        return totals

    def roll(self) -> None:
        """End the window: its values become visible, the next one starts empty."""
        if self._high == -inf and self.window is not None and not self.window.count:
            return  # idle before and now: keep the window, spare the allocation
        window = Window(self.scale, self._counts, self._sum, self._low, self._high)
        self._past_count += window.count
        self._past_sum += window.sum
        if window.count:
            self._remember(_up_to_edges(self.scale, self._counts))
        self.window = window
        self._restart()

    def _remember(self, up_to_edges: list[int]) -> None:
        past = self._past
        self._past = up_to_edges if past is None else list(map(int.__add__, past, up_to_edges))

    def absorb(self, other: "Histogram") -> None:
        """Add all that `other` holds (same scale); for sums over several histograms."""
        if other._past is not None:
            self._remember(other._past)
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
