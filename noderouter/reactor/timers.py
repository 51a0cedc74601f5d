"""A coarse timer wheel: one dict of buckets, 50 ms apart.

Arming is lazy, because nearly every deadline is lifted before it passes: a task whose deadline moves *later*
(or is lifted) stays in its bucket, and is put where it belongs when that bucket comes up. Only a deadline that
moves *earlier* than the task's bucket costs an insertion.
"""

from collections.abc import Callable
from math import inf
from typing import Final

from noderouter.reactor.task import Task

TICK: Final = 0.05
"""Seconds between two looks; also the most by which a deadline fires late."""

FAR: Final = 40 * 3600 * 20
"""A look-ahead bound in ticks: deadlines beyond 40 hours are looked at again then."""


class Timers:
    """The wheel. `on_first` is called when it stops being empty: somebody has to call `due` from then on."""

    __slots__ = ("_buckets", "_tick", "on_first")

    def __init__(self, now: float) -> None:
        self._buckets: dict[int, list[Task]] = {}
        self._tick = int(now / TICK)
        self.on_first: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def arm(self, task: Task, deadline: float) -> None:
        """Set the task's deadline (monotonic seconds; inf lifts it)."""
        task.deadline = deadline
        if deadline == inf:
            return
        tick = min(max(int(deadline / TICK), self._tick) + 1, self._tick + FAR)
        if task.armed == 0 or tick < task.armed:
            self._insert(task, tick)

    def _insert(self, task: Task, tick: int) -> None:
        task.armed = tick
        buckets = self._buckets
        if not buckets and self.on_first is not None:
            self.on_first()
        bucket = buckets.get(tick)
        if bucket is None:
            buckets[tick] = [task]
        else:
            bucket.append(task)

    def due(self, now: float) -> list[Task]:
        """Advance to `now` (monotonic seconds) and answer the tasks whose deadline has passed."""
        last = int(now / TICK)
        expired: list[Task] = []
        buckets = self._buckets
        passed = range(self._tick + 1, last + 1)
        if len(passed) > len(buckets):  # a long pause: walk the buckets, not the time
            ticks = sorted(tick for tick in buckets if tick <= last)
        else:
            ticks = [tick for tick in passed if tick in buckets]
        self._tick = max(last, self._tick)
        for tick in ticks:
            for task in buckets.pop(tick):
                if task.armed != tick:
                    continue
                task.armed = 0  # also of one that is done: a `Crew` uses it again
                if task.done:
                    continue
                if task.deadline <= now:
                    expired.append(task)
                elif task.deadline < inf:
                    self.arm(task, task.deadline)
        return expired
