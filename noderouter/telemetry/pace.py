"""Long walks in short steps: admin work shares its thread with the data path, and must not hold it up.

pace = Pace()
for item in many:
    ...
    if pace.due():
        await pace.rest()
"""

from time import perf_counter
from typing import Final

import trio

STEP: Final = 0.001
"""Seconds of work between two rests: what a request may have to wait for an admin request."""


class Pace:
    """Tells when to rest."""

    __slots__ = ("_next", "_step")

    def __init__(self, step: float = STEP) -> None:
        self._step = step
        self._next = perf_counter() + step

    def due(self) -> bool:
        """Whether a step's time has passed since the last rest."""
        return perf_counter() >= self._next

    async def rest(self) -> None:
        """Let everybody else have a turn."""
        await trio.lowlevel.checkpoint()
        self._next = perf_counter() + self._step
