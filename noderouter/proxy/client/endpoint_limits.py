"""`concurrency` of a client: how many requests each of its endpoints has at a time, and who waits for one with room.

The balancer's pick stands while it has room. Else another endpoint takes the request, the one that uses least of its
limit; where none has room it waits, for whichever endpoint has first. What is counted is the instance's, of all clients
that lead there (`instance.py`). An endpoint that a waiter was given has that place taken, though nothing has begun.

Endpoints that failure accrual has closed take no more than others' requests here either: while any is open, as far as
the balancer finds one, what the open ones have no room for waits.

Nothing looks at all endpoints of a client: at `LOOKED` of them, the next time at the next ones.
"""

from time import monotonic
from typing import Any, Final, cast

from noderouter.core.exchange import Exchange
from noderouter.proxy.balancer.balancer import Balancer
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.proxy.client.instance import Instances
from noderouter.proxy.filter.concurrency import latency
from noderouter.proxy.limit.queue import Queue

LOOKED: Final = 64
"""Endpoints that are looked at for one with room."""


class EndpointLimits:
    """The limits of one client's endpoints, each of which has its own in `Endpoint.limit`."""

    __slots__ = ("_at", "_balancer", "_instances", "_words", "queue")

    def __init__(self, balancer: Balancer, queue: Queue, instances: Instances, words: str) -> None:
        """`balancer` has the client's endpoints, as they come and go; `words` say whose they are."""
        self._balancer = balancer
        self._instances = instances
        self._words = words
        self._at = 0
        self.queue = queue

    def joined(self, endpoint: Endpoint) -> None:
        """An endpoint has come: its instance is counted until it is retired."""
        endpoint.instance = self._instances.join(endpoint.address, endpoint, self)

    def pick(self, now: float) -> Endpoint | None:
        """The endpoint for the next request; None where there is none, or none has room, or others wait already."""
        if self.queue:
            self.grant(now)  # somebody may have left with a place
            if self.queue:
                return None
        return self._next(now)

    def began(self, endpoint: Endpoint) -> None:
        """A request to an endpoint that was picked begins; it has `ended` once."""
        endpoint.instance.taken += 1

    async def wait(self) -> Endpoint | None:
        """Wait until an endpoint has room; None where all have left meanwhile: then pick anew.

        Raises:
            LimitReached: none had, or too many wait already; the request was not processed.
        """
        words = f"every endpoint of {self._words} is at its limit of concurrent requests"
        turn = self.queue.enter(words)
        while True:
            endpoint = await self.queue.placed(turn, words, self._back)
            assert isinstance(endpoint, Endpoint)
            endpoint.instance.taken -= 1
            if not endpoint.closed:
                return endpoint
            if not self._balancer.nodes:
                return None
            self.queue.again(turn)
            self.grant(monotonic())

    def ended(self, endpoint: Endpoint, exchange: Exchange, began: float, ended: float | None) -> None:
        """An attempt at `endpoint` is over; `ended` is None where it got no whole response."""
        instance = endpoint.instance
        gradient = endpoint.gradient
        if gradient is not None and ended is not None:
            seconds = latency(exchange, began)
            if seconds >= 0.0:
                gradient.add(seconds, instance.taken, ended)
                endpoint.limit = gradient.limit
        instance.taken -= 1
        self._freed(endpoint)

    def grant(self, now: float) -> None:
        """Give waiters what room there is."""
        while self.queue:
            endpoint = self._next(now)
            if endpoint is None:
                return
            self._give(endpoint)

    def _freed(self, endpoint: Endpoint) -> None:
        """An endpoint may have room: who waits has it, of clients that share it who has waited for longest."""
        if len(endpoint.instance.sharers) > 1:
            endpoint.instance.freed(monotonic())
        elif self.queue:
            now = monotonic()
            while self.queue and _has_room(endpoint) and endpoint.weight > 0.0 and endpoint.available(now):
                self._give(endpoint)
            self.grant(now)

    def _give(self, endpoint: Endpoint) -> None:
        endpoint.instance.taken += 1
        self.queue.give(endpoint)

    def _back(self, endpoint: Any) -> None:
        endpoint.instance.taken -= 1
        self._freed(endpoint)

    def _next(self, now: float) -> Endpoint | None:
        """The balancer's pick, or one that has room in its place; None where there is none."""
        picked = cast(Endpoint | None, self._balancer.pick(now))  # ours are all Endpoints
        if picked is None or _has_room(picked):
            return picked
        return self._roomy(picked, now)

    def _roomy(self, picked: Endpoint, now: float) -> Endpoint | None:
        """Of the next ones the endpoint that uses least of its limit, where one has room.

        Of those that are open, or get requests at all, if the one that was picked is, or does.
        """
        nodes = self._balancer.nodes
        size = len(nodes)
        at = self._at
        found: Endpoint | None = None
        least = 1.0
        for _ in range(min(size, LOOKED)):
            at = at + 1 if at + 1 < size else 0
            endpoint = cast(Endpoint, nodes[at])
            used = endpoint.instance.taken / endpoint.limit
            if used >= least:
                continue
            if endpoint.accrual.opens_at > now >= picked.accrual.opens_at or endpoint.weight <= 0.0 < picked.weight:
                continue
            found = endpoint
            least = used
        self._at = at
        return found


def _has_room(endpoint: Endpoint) -> bool:
    return endpoint.instance.taken < endpoint.limit
