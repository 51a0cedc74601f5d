"""A simulated endpoint that works on so many requests at a time; the others queue in it."""

import heapq
from collections.abc import Callable
from random import Random

from noderouter.proxy.limit.gradient import Gradient


class EndpointModel:
    """An endpoint under a gradient, whose clients always have one more request."""

    def __init__(self, gradient: Gradient, rng: Random) -> None:
        self.gradient = gradient
        self.now = 1000.0
        self.limits: list[int] = []
        """After each request."""
        self._rng = rng
        self._flying: list[tuple[float, float]] = []

    def run(self, seconds: float, workers: int, service: Callable[[Random], float], demand: int = 1 << 30) -> list[int]:
        """Let time pass; the limits of its last third. `service` draws how long a request is worked on."""
        until, begun = self.now + seconds, len(self.limits)
        free = [self.now] * workers
        heapq.heapify(free)
        while self.now < until:
            while len(self._flying) < min(self.gradient.limit, demand):
                end = max(self.now, heapq.heappop(free)) + service(self._rng)
                heapq.heappush(free, end)
                heapq.heappush(self._flying, (end, self.now))
            self.now, began = heapq.heappop(self._flying)
            self.gradient.add(self.now - began, len(self._flying) + 1, self.now)
            self.limits.append(self.gradient.limit)
        made = len(self.limits) - begun
        return self.limits[-made // 3 :]
