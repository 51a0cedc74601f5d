"""The last ten minutes of a server, service or client: what dashboards draw, known before anybody looks.

The control-plane task that turns windows (`window.py`) ends a slot every `SECONDS` and writes it; the data path counts
as ever, and knows nothing of this. Each `RequestStats` says what was added since the last turn (`RequestStats.slot`).

Percentiles of one slot are kept as numbers. Those of the last minute are computed from the buckets of its six slots,
which are kept, as percentiles do not add up: so they are as exact as those of the histograms (`histogram.py`: 9 %).

A history takes 2 KB, and up to 4 KB more while its latencies fall into all buckets there are.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf, isnan, nan
from typing import Final

from noderouter.telemetry.histogram import LATENCY

SLOTS: Final = 60
"""Slots that are kept: ten minutes."""
SECONDS: Final = 10.0
"""Of one slot."""
RECENT: Final = 6
"""Slots of which buckets are kept: those of the last minute."""

_NOTHING: Final = array("I")


class Slot:
    """What was counted in one slot: requests, how many of them failed, and their latencies; never changed.

    `buckets` are those of `LATENCY` that are not empty, each followed by its count: sparse, because a service is
    seldom as fast as one day and as slow as the next. `low` and `high` are seconds which no latency exceeds either
    way: the extremes of the histogram's window, of which the slot is a part.
    """

    __slots__ = ("buckets", "failures", "high", "low", "requests")

    def __init__(
        self, requests: int = 0, failures: int = 0, buckets: "array[int]" = _NOTHING, low: float = inf, high: float = 0
    ) -> None:
        self.requests = requests
        self.failures = failures
        self.buckets = buckets
        self.low = low
        self.high = high

    def __repr__(self) -> str:
        return f"<Slot requests={self.requests} failures={self.failures}>"

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield each bucket that is not empty, and its count."""
        return zip(self.buckets[::2], self.buckets[1::2], strict=True)

    def percentiles(self, *shares: float) -> tuple[float, ...]:
        """Return milliseconds that these shares of the latencies do not exceed; NaN where there is none."""
        sums = list(accumulate(self.buckets[1::2]))
        if not sums:
            return (nan,) * len(shares)
        found = (self.buckets[2 * bisect_left(sums, max(1, ceil(share * sums[-1])))] for share in shares)
        return tuple(min(max(LATENCY.middles[bucket], self.low), self.high) * LATENCY.factor for bucket in found)


EMPTY: Final = Slot()
"""Of what has had no request."""


def slot_between(counts: Iterable[int], before: Iterable[int] | None, low: float, high: float) -> Slot:
    """Return the latencies that a histogram's `counts` have more than they had `before`; no requests yet."""
    buckets = array("I")
    added = counts if before is None else (now - then for now, then in zip(counts, before, strict=True))
    for bucket, count in enumerate(added):
        if count:
            buckets.extend((bucket, count))
    return Slot(0, 0, buckets, low, high)


def merged(slots: Iterable[Slot]) -> Slot:
    """Return the sum of slots; the only one itself, where no other has had requests."""
    busy = [slot for slot in slots if slot.requests]
    if len(busy) < 2:
        return busy[0] if busy else EMPTY
    counts: dict[int, int] = {}
    for slot in busy:
        for bucket, count in slot.pairs():
            counts[bucket] = counts.get(bucket, 0) + count
    return Slot(
        sum(slot.requests for slot in busy),
        sum(slot.failures for slot in busy),
        array("I", [number for pair in sorted(counts.items()) for number in pair]),
        min(slot.low for slot in busy),
        max(slot.high for slot in busy),
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """All slots, the oldest first; percentiles are milliseconds, None where a slot has had no request."""

    requests: list[int]
    failures: list[int]
    p50: list[float | None]
    p95: list[float | None]
    p99: list[float | None]


@dataclass(frozen=True, slots=True)
class Window:
    """The last whole slots together."""

    seconds: float
    """How much time they cover; less than was asked for where the history is younger."""
    requests: int
    failures: int
    p50: float | None
    """Milliseconds, as those below; None where there was no request."""
    p95: float | None
    p99: float | None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def success(self) -> float | None:
        """The share of requests that succeeded; None where there was none."""
        return 1 - self.failures / self.requests if self.requests else None


class History:
    """`SLOTS` slots of `SECONDS` each, in rings of packed numbers."""

    __slots__ = ("_minute", "_recent", "failures", "p50", "p95", "p99", "requests", "turns")

    def __init__(self) -> None:
        self.turns = 0
        """Slots that were ever written; the next one goes to place `turns % SLOTS` of each ring."""
        self.requests = array("I", bytes(4 * SLOTS))
        self.failures = array("I", bytes(4 * SLOTS))
        self.p50 = array("f", [nan]) * SLOTS
        self.p95 = array("f", [nan]) * SLOTS
        self.p99 = array("f", [nan]) * SLOTS
        self._recent = [EMPTY] * RECENT
        self._minute: Window | None = None
        """The last minute, once somebody has asked for it."""

    def __repr__(self) -> str:
        return f"<History turns={self.turns} requests={sum(self.requests)} failures={sum(self.failures)}>"

    def write(self, slot: Slot) -> None:
        """Append a slot that has ended; the oldest one leaves."""
        place = self.turns % SLOTS
        self.requests[place] = slot.requests
        self.failures[place] = slot.failures
        self.p50[place], self.p95[place], self.p99[place] = slot.percentiles(0.5, 0.95, 0.99)
        self._recent[self.turns % RECENT] = slot
        self.turns += 1
        self._minute = None

    def lines(self) -> Lines:
        """Return all slots; those from before the first request are empty."""
        place = self.turns % SLOTS
        return Lines(
            [*self.requests[place:], *self.requests[:place]],
            [*self.failures[place:], *self.failures[:place]],
            *([*map(_shown, ring[place:]), *map(_shown, ring[:place])] for ring in (self.p50, self.p95, self.p99)),
        )

    def last(self, seconds: float = RECENT * SECONDS) -> Window:
        """Return the slots of the last seconds together: up to a minute, in whole slots."""
        if seconds == RECENT * SECONDS and self._minute is not None:
            return self._minute
        wanted = ceil(seconds / SECONDS)
        if not 1 <= wanted <= RECENT:
            raise ValueError(f"between {SECONDS:g} and {RECENT * SECONDS:g} seconds are kept exactly, not {seconds:g}")
        there, whole = self.whole(wanted)
        p50, p95, p99 = map(_shown, whole.percentiles(0.5, 0.95, 0.99))
        found = Window(there * SECONDS, whole.requests, whole.failures, p50, p95, p99)
        if wanted == RECENT:
            self._minute = found
        return found

    def whole(self, slots: int = RECENT) -> tuple[int, Slot]:
        """Return how many of the last slots there are, up to `RECENT`, and their sum with its buckets."""
        there = min(slots, self.turns)
        return there, merged(self._recent[(self.turns - 1 - ago) % RECENT] for ago in range(there))


def _shown(milliseconds: float) -> float | None:
    return None if isnan(milliseconds) else milliseconds
