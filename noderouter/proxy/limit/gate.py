"""The places of one service within its limit (`concurrency` of a service)."""

from typing import Any, Final

from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue

_PLACE: Final = "a place"


class Gate:
    """Lets so many requests in at a time; others wait in `queue`.

    Attributes:
        limit: how many, now.
        active: how many are in.
        gradient: what the limit follows; None where it is fixed.
    """

    __slots__ = ("_words", "active", "gradient", "limit", "queue")

    def __init__(self, limit: int, queue: Queue, gradient: Gradient | None, words: str) -> None:
        """`words` say whose limit it is."""
        self.limit = limit if gradient is None else gradient.limit
        self.active = 0
        self.queue = queue
        self.gradient = gradient
        self._words = words

    def __repr__(self) -> str:
        return f"<Gate {self.active}/{self.limit} waiting={len(self.queue)}>"

    def enter(self) -> bool:
        """Take a place, if one is free and nobody waits for it; `leave` it."""
        if self.active >= self.limit or self.queue:
            return False
        self.active += 1
        return True

    async def wait(self) -> None:
        """Wait for a place; `leave` it.

        Raises:
            LimitReached: there is none.
        """
        await self.queue.wait(f"{self._words} is at its limit of {self.limit} concurrent requests", self._back)

    def leave(self, latency: float, now: float) -> None:
        """A request is over, whose response began after `latency` seconds; negative where that says nothing."""
        gradient = self.gradient
        if gradient is not None and latency >= 0.0:
            gradient.add(latency, self.active, now)
            self.limit = gradient.limit
        self.active -= 1
        while self.queue and self.active < self.limit:
            self.active += 1
            self.queue.give(_PLACE)

    def _back(self, _place: Any) -> None:
        self.active -= 1
        while self.queue and self.active < self.limit:
            self.active += 1
            self.queue.give(_PLACE)
