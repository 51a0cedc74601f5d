"""`concurrency` of a client: how many requests each of its endpoints has at a time, and who waits for one with room.

The balancer's pick stands while it has room. Else another endpoint takes the request, the one that uses least of its
limit; where none has room it waits, for whichever endpoint has first. What is counted is what the balancer counts
(`Node.pending`), so places are given back by ending requests. An endpoint that a waiter was given, and has not begun
with yet, is `held` for it.

Endpoints that failure accrual has closed take no more than others' requests here either: while any is open, what the
open ones have no room for waits.
"""

from time import monotonic
from typing import Any

from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.proxy.balancer.balancer import Balancer
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.proxy.limit.queue import Queue


class EndpointLimits:
    """The limits of one client's endpoints, each of which has its own in `Endpoint.limit`."""

    __slots__ = ("_words", "endpoints", "queue")

    def __init__(self, endpoints: dict[Any, Endpoint], queue: Queue, words: str) -> None:
        """`endpoints` are the client's, as they come and go; `words` say whose they are."""
        self.endpoints = endpoints
        self.queue = queue
        self._words = words

    def pick(self, balancer: Balancer, now: float) -> Endpoint | None:
        """The endpoint for the next request; None where there is none, or none has room, or others wait already."""
        if self.queue:
            self.grant(now)  # somebody may have left with a place
            if self.queue:
                return None
        endpoint: Endpoint | None = balancer.pick(now)  # type: ignore[assignment]  # ours are all Endpoints
        if endpoint is None or endpoint.pending + endpoint.held < endpoint.limit:
            return endpoint
        return self._roomy(now)

    async def wait(self) -> Endpoint | None:
        """Wait until an endpoint has room; None where it has left meanwhile: then pick anew.

        Raises:
            LimitReached: none had, or too many wait already; the request was not processed.
        """
        endpoint = await self.queue.wait(
            f"every endpoint of {self._words} is at its limit of concurrent requests", self._back
        )
        assert isinstance(endpoint, Endpoint)
        endpoint.held -= 1
        if endpoint.closed:
            self.grant(monotonic())
            return None
        return endpoint

    def ended(self, endpoint: Endpoint, exchange: Exchange, began: float, ended: float | None) -> None:
        """An attempt at `endpoint` is over; `ended` is None where it got no whole response."""
        gradient = endpoint.gradient
        if gradient is not None and ended is not None and exchange.verdict is SUCCESS and says_something(exchange):
            gradient.add((exchange.head_at or ended) - began, endpoint.pending + 1, ended)
            endpoint.limit = gradient.limit
        if self.queue:
            self.grant(monotonic())

    def grant(self, now: float) -> None:
        """Give waiters what room there is."""
        while self.queue:
            endpoint = self._roomy(now)
            if endpoint is None:
                return
            endpoint.held += 1
            self.queue.give(endpoint)

    def _roomy(self, now: float) -> Endpoint | None:
        """The endpoint that uses least of its limit, where one has room; of those that are open, if any are."""
        endpoints = list(self.endpoints.values())
        drawn = [each for each in endpoints if each.weight > 0.0] or endpoints
        found = _least([each for each in drawn if each.accrual.opens_at <= now] or drawn)
        return found if found is not None and _share(found) < 1.0 else None

    def _back(self, endpoint: Any) -> None:
        endpoint.held -= 1
        self.grant(monotonic())


def says_something(exchange: Exchange) -> bool:
    """Whether its latency is the endpoint's: that of an upload is its client's, a tunnel has none."""
    return exchange.body.data is not None and not exchange.tunnel


def _share(endpoint: Endpoint) -> float:
    return (endpoint.pending + endpoint.held) / endpoint.limit


def _least(endpoints: list[Endpoint]) -> Endpoint | None:
    return min(endpoints, key=_share, default=None)
