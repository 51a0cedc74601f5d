"""A limit on concurrent requests that follows their latency: more are let in until that shows that they queue.

The equation is that of the gradient controller in Envoy's adaptive concurrency filter, which has it from Netflix's
concurrency-limits:

    gradient = latency without load x (1 + TOLERANCE) / latency now        within 0.5 and 2
    limit    = limit x gradient + sqrt(limit)

once in each window, with medians. Where latency stays as it is without load the limit grows; where requests queue it
settles at little more than the endpoint works on at a time. It does not grow while less than half of it is used.

*Latency without load* is measured, at first with whatever comes and then again and again, as both projects do, since
endpoints change. Envoy lets three requests in for that; here it is a quarter of the limit, for one window. A measure
that is too high, because there was load, so leads to a lower limit, and that to a lower measure. A limit at its lower
end for `STUCK` windows says that the measure is too low: then it is taken anew as well.

One request in a window is one voice, so what a few clients ask for, slow or quick, moves nothing.
"""

from math import sqrt
from typing import Final

WINDOW_SECONDS: Final = 0.1
"""A window is at least so long, and as two requests one after the other: the limit must have had its effect,"""
WINDOW_SAMPLES: Final = 10
"""and has so many samples; of more than `MOST_SAMPLES` the last count."""
MOST_SAMPLES: Final = 100
TOLERANCE: Final = 0.25
"""By how much latency may exceed that without load, and the limit still grows."""
STUCK: Final = 5
SETTLE: Final = 2.0
"""Where the limit was set down or up for a measure, a window begins after so many times the latency."""
FIRST_MEASURE: Final = 5.0
"""Seconds until latency without load is measured again; twice as long each time, up to `MEASURE_SECONDS`."""
MEASURE_SECONDS: Final = 60.0
FALL: Final = 0.1
"""How much of it counts that a window was quicker than the measure: a few quick requests must not lower it at once."""
INITIAL: Final = 20
"""Where a limit begins, unless its ends say otherwise."""


class Gradient:
    """The limit of one service or endpoint; times in seconds, `now` by the monotonic clock.

    Attributes:
        limit: how many requests may be in progress.
        base: the latency without load, as it is known; 0.0 before the first window.
        measuring: whether the limit is set down to measure it.
    """

    __slots__ = (
        "_at_least",
        "_estimate",
        "_interval",
        "_measure_at",
        "_most",
        "_next",
        "_samples",
        "_since",
        "_spread",
        "_stuck",
        "_until",
        "_used",
        "base",
        "limit",
        "measuring",
    )

    def __init__(self, at_least: int, most: int, spread: float = 1.0) -> None:
        """`spread`, about 1, is for all intervals between measurements: those of many must not fall together."""
        self._at_least = at_least
        self._most = most
        self._spread = spread
        self._estimate = float(min(max(INITIAL, at_least), most))
        self.limit = int(self._estimate)
        self.base = 0.0
        self.measuring = False
        self._samples: list[float] = []
        self._next = 0
        self._since = self._until = 0.0
        self._used = 0
        self._stuck = 0
        self._interval = FIRST_MEASURE
        self._measure_at = 0.0

    def __repr__(self) -> str:
        return f"<Gradient limit={self.limit} base={self.base * 1000:.1f} ms>"

    def add(self, seconds: float, active: int, now: float) -> None:
        """A request was answered after so long, while `active` were in progress, itself included."""
        if now < self._since:
            return  # most of these began under another limit
        samples = self._samples
        if len(samples) < MOST_SAMPLES:
            samples.append(seconds)
        else:
            samples[self._next] = seconds
            self._next = (self._next + 1) % MOST_SAMPLES
        if active > self._used:
            self._used = active
        if len(samples) >= WINDOW_SAMPLES and now >= self._until:
            self._close(sorted(samples)[len(samples) >> 1], now)

    def _close(self, latency: float, now: float) -> None:
        """End a window whose median is `latency`."""
        used, stuck = self._used, self._stuck
        self._samples.clear()
        self._next = self._used = 0
        self._stuck = 0
        since = now + SETTLE * latency if self.measuring else now
        if self.base == 0.0 or self.measuring or stuck >= STUCK:
            self.base = latency
            self.measuring = False
            self._measure_at = now + self._interval * self._spread
            self._interval = min(2.0 * self._interval, MEASURE_SECONDS)
        elif latency < self.base:
            self.base += FALL * (latency - self.base)
        estimate = self._estimate
        gradient = min(2.0, max(0.5, self.base * (1.0 + TOLERANCE) / latency)) if latency > 0.0 else 2.0
        wanted = estimate * gradient + sqrt(estimate)
        if wanted < estimate or used * 2 >= estimate:
            estimate = min(max(wanted, float(self._at_least)), float(self._most))
        self._estimate = estimate
        self.limit = int(estimate)
        if self.limit > self._at_least:
            if now >= self._measure_at:
                self.measuring = True
                self.limit = max(self._at_least, self.limit >> 2)
                since = now + SETTLE * latency
        elif wanted <= estimate:
            self._stuck = stuck + 1
        self._since = since
        self._until = since + max(WINDOW_SECONDS, 2.0 * latency)
