"""Counts and latencies of the last minute that add up exactly, whoever adds them in whatever order.

A histogram is one whole number: `LANE` bits for each bucket of `LATENCY`, the fastest in the lowest ones. The sum of
two numbers is the sum of all their buckets. No lane overflows into the next: a router says at most `LANE_MOST` of a
bucket, and at most `NODES` of them are added.

A rate does not add up as a fraction, so it is told as a pace: the requests that ten minutes at this rate would have. A
history covers one to six slots of ten seconds, each of which divides 60, so a pace is a whole number.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from math import ceil, inf
from sys import byteorder
from typing import Final

from noderouter.admin.dashboard.seen import Figures
from noderouter.telemetry.histogram import LATENCY
from noderouter.telemetry.history import History

LANE: Final = 32
BUCKETS: Final = len(LATENCY.middles)
NODES: Final = 1000
"""Routers that are added up at most."""
LANE_MOST: Final = (1 << 22) - 1
"""Requests of one bucket that one router says in a minute at most: 70,000 a second. `NODES` times this fit a lane."""
PACE_PARTS: Final = 600
"""A rate is its pace divided by this."""

Stats = tuple[int, int, int, float, float, int]
"""Requests, failures, pace, the least and the greatest latency in seconds, and the histogram."""
NOTHING: Final[Stats] = (0, 0, 0, 0.0, 0.0, 0)

_FORBIDDEN: Final = sum((((1 << LANE) - 1) ^ LANE_MOST) << (LANE * bucket) for bucket in range(BUCKETS))


def packed(pairs: Iterable[tuple[int, int]]) -> int:
    """Return a histogram from its buckets that are not empty, and their counts."""
    return sum(min(count, LANE_MOST) << (LANE * bucket) for bucket, count in pairs)


def is_histogram(number: int) -> bool:
    """Whether a number, not below 0, is one that a single router may say."""
    return number.bit_length() <= LANE * BUCKETS and not number & _FORBIDDEN


def unpacked(number: int) -> "array[int]":
    """Return the count of each bucket."""
    counts = array("I", number.to_bytes(BUCKETS * LANE // 8, byteorder))
    if byteorder == "big":
        counts.reverse()
    return counts


def stats_of(history: History | None) -> Stats:
    """Return the last minute of a history; of what has had no request, nothing."""
    if history is None:
        return NOTHING
    slots, whole = history.whole()
    if not whole.requests:
        return NOTHING
    pace = whole.requests * 60 // slots
    return whole.requests, whole.failures, pace, min(whole.low, whole.high), whole.high, packed(whole.pairs())


class Sums:
    """What was added up."""

    __slots__ = ("failures", "high", "histogram", "low", "pace", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.pace = 0
        self.low = inf
        self.high = 0.0
        self.histogram = 0

    def __repr__(self) -> str:
        return f"<Sums requests={self.requests} failures={self.failures}>"

    def add(self, stats: Stats) -> None:
        """Add one more; the caller has checked it."""
        requests, failures, pace, low, high, histogram = stats
        if not requests:
            return
        self.requests += requests
        self.failures += failures
        self.pace += pace
        if histogram:
            self.histogram += histogram
            if low < self.low:
                self.low = low
            if high > self.high:
                self.high = high

    def stats(self) -> Stats:
        """Return it in the form in which it is added."""
        return self.requests, self.failures, self.pace, min(self.low, self.high), self.high, self.histogram

    def figures(self) -> Figures:
        """Return the last minute: counts and rate are exact, percentiles as exact as those of one router."""
        p50, p95, p99 = self.percentiles(0.5, 0.95, 0.99)
        return Figures(self.requests, self.failures, self.pace / PACE_PARTS, p50, p95, p99)

    def percentiles(self, *shares: float) -> list[float | None]:
        """Return milliseconds that these shares of the requests do not exceed; None where nothing is known."""
        if not self.histogram:
            return [None] * len(shares)
        sums = list(accumulate(unpacked(self.histogram)))
        found = (bisect_left(sums, max(1, ceil(share * sums[-1]))) for share in shares)
        return [min(max(LATENCY.middles[bucket], self.low), self.high) * LATENCY.factor for bucket in found]
