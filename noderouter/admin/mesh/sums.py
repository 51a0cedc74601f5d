"""Counts and latencies of the last minute that add up exactly, whoever adds them in whatever order.

What one router says of one thing is a single whole number: a lane of `LANE` bits for each count, and above them, where
there are latencies, one of `BUCKET` bits for each bucket of `LATENCY`, the fastest first. The sum of two numbers is the
sum of all their lanes, by one addition; and what no router may say is seen by one comparison. No lane overflows into
the next: a router says at most `MOST` of a count and `BUCKET_MOST` of a bucket, and at most `NODES` are added.

A rate does not add up as a fraction, so it is told as a pace: the requests that ten minutes at this rate would have. A
history covers one to six slots of ten seconds, each of which divides 60, so a pace is a whole number.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from math import ceil
from sys import byteorder
from typing import Final

from noderouter.admin.dashboard.seen import Figures
from noderouter.telemetry.histogram import LATENCY
from noderouter.telemetry.history import History

NODES: Final = 1000
"""Routers that are added up at most."""
LANE: Final = 52
MOST: Final = (1 << 42) - 1
BUCKET: Final = 32
BUCKETS: Final = len(LATENCY.middles)
BUCKET_MOST: Final = (1 << 22) - 1
"""Requests of one bucket that one router says in a minute at most: 70,000 a second. `NODES` times this fit a lane."""
PACE_PARTS: Final = 600
"""A rate is its pace divided by this."""

EDGE: Final = ("requests", "failures", "pace")
STATS: Final = (*EDGE, "pending", "connections", "retries", "retrying")
"""Of routers, services and clients. `retries` are thousandths a second, `retrying` is 1 where they are known."""
ENDPOINT: Final = (*EDGE, "microseconds", "pending", "connections", "ejections", "outs", "known")
"""`known` is 1, and `outs` 1 where it gets no requests: added up they are numbers of routers."""

_LANE_FULL: Final = (1 << LANE) - 1
_COUNTS_BITS: Final = LANE * len(STATS)


def _of_lanes(most: Iterable[int], bits: int) -> int:
    return sum(each << (bits * place) for place, each in enumerate(most))


MAY_EDGE: Final = _of_lanes([MOST] * len(EDGE), LANE)
"""Every bit that one router may set in the number of an edge; of the others the same."""
MAY_ENDPOINT: Final = _of_lanes([MOST] * (len(ENDPOINT) - 2) + [1, 1], LANE)
MAY_STATS: Final = _of_lanes([MOST] * len(STATS), LANE) | _of_lanes([BUCKET_MOST] * BUCKETS, BUCKET) << _COUNTS_BITS


def joined(counts: Iterable[int]) -> int:
    """Return counts as one number."""
    return _of_lanes([min(each, MOST) for each in counts], LANE)


def split(number: int, counts: int) -> list[int]:
    """Return the first counts of a number."""
    return [number >> (LANE * place) & _LANE_FULL for place in range(counts)]


def packed(pairs: Iterable[tuple[int, int]]) -> int:
    """Return latencies, above the counts of `STATS`, from buckets that are not empty and what is in them."""
    return sum(min(count, BUCKET_MOST) << (BUCKET * bucket) for bucket, count in pairs) << _COUNTS_BITS


def unpacked(number: int) -> "array[int]":
    """Return how much is in each bucket."""
    counts = array("I", (number >> _COUNTS_BITS).to_bytes(BUCKETS * BUCKET // 8, byteorder))
    if byteorder == "big":
        counts.reverse()
    return counts


def stats_of(history: History | None) -> int:
    """Return the last minute of a history: requests, failures, pace and latencies."""
    if history is None:
        return 0
    slots, whole = history.whole()
    if not whole.requests:
        return 0
    return joined((whole.requests, whole.failures, whole.requests * 60 // slots)) + packed(whole.pairs())


def counts_of(figures: Figures) -> int:
    """Return what figures say without a history: the counts."""
    return joined((figures.requests, figures.failures, round(figures.rate * PACE_PARTS)))


def figures_of(number: int, *, latencies: bool = True) -> Figures:
    """Return the last minute: counts and rate are exact, percentiles as exact as the buckets are (9 %).

    `latencies` where the number is one of `STATS`, which may have them.
    """
    requests, failures, pace = split(number, len(EDGE))
    known = latencies and number >> _COUNTS_BITS
    p50, p95, p99 = percentiles(number, 0.5, 0.95, 0.99) if known else (None, None, None)
    return Figures(requests, min(failures, requests), pace / PACE_PARTS, p50, p95, p99)


def percentiles(number: int, *shares: float) -> list[float]:
    """Return milliseconds that these shares of the latencies do not exceed; there are some."""
    sums = list(accumulate(unpacked(number)))
    found = (bisect_left(sums, max(1, ceil(share * sums[-1]))) for share in shares)
    return [min(LATENCY.middles[bucket], LATENCY.bounds[-1]) * LATENCY.factor for bucket in found]
