"""Token buckets, as times: the generic cell rate algorithm (GCRA, ITU-T I.371), one float for each source.

Kept is the *theoretical arrival time* of a source's next request: how far it is ahead of the clock says how many tokens
are missing. A full bucket is a time that has passed, so whoever has not asked for long enough needs no entry, and
forgetting him changes nothing.

Only such entries are ever dropped. Where there are `most` others, those who are new share *one* bucket until some are
dropped: whoever makes up sources can keep newcomers from a bucket of their own, but has nobody's state forgotten, not
even his.
"""

from collections.abc import Iterator
from typing import Final

SLACK: Final = 1e-9
"""Seconds: what floats lose of times that are added up."""
STEP: Final = 500
"""Entries that `sweep` looks at in one step."""
SHRINK: Final = 4
"""A table gives its memory back when so many times less is in it than was."""
_SHARED: Final = 1 << 64
"""The key of the bucket that is shared: no hash is so large."""


class Arrivals:
    """The buckets of one limit, by keys that are ints.

    Attributes:
        shared: how often a source had to share a bucket, as there was no room for its own.
    """

    __slots__ = ("_due", "_interval", "_largest", "_most", "_tolerance", "shared")

    def __init__(self, rate: float, burst: int, most: int) -> None:
        """`rate` tokens a second, `burst` at once, for up to `most` sources."""
        self._interval = 1.0 / rate
        self._tolerance = (burst - 1) * self._interval
        self._most = most
        self._due: dict[int, float] = {}
        self._largest = 0
        self.shared = 0

    def __len__(self) -> int:
        """How many sources have a bucket that is not full, or was not when it was looked at last."""
        return len(self._due)

    def bound(self, most: int) -> None:
        """Have room for `most` sources from now on; those that are there stay."""
        self._most = most

    def wait(self, key: int, now: float) -> float:
        """How many seconds until there is a token; 0.0 where there is one. Takes nothing."""
        due = self._due.get(key, 0.0)
        if due == 0.0:
            if len(self._due) < self._most:
                return 0.0
            due = self._due.get(_SHARED, 0.0)
        wait = due - self._tolerance - now
        return wait if wait > SLACK else 0.0

    def take(self, key: int, now: float) -> None:
        """Take a token, that `wait` has found."""
        due = self._due.get(key, 0.0)
        if due == 0.0 and len(self._due) >= self._most:
            self.shared += 1
            key = _SHARED
            due = self._due.get(key, 0.0)
        self._due[key] = (due if due > now else now) + self._interval

    def sweep(self, now: float) -> Iterator[None]:
        """Drop full buckets, in short steps."""
        due = self._due
        keys = list(due)
        self._largest = max(self._largest, len(keys))
        for first in range(0, len(keys), STEP):
            for key in keys[first : first + STEP]:
                if due[key] <= now:
                    del due[key]
            yield
        if len(due) * SHRINK < self._largest:
            self._due = dict(due)  # a dict that has been large stays large
            self._largest = len(due)
