"""`concurrency` of a service: how many of its requests are in progress at a time, tries and pauses included.

Service side, above retries, only where configured: a request has one place for all of its tries. What waits longer than
it may is refused, and told so in a way that lets whoever asked try elsewhere. A tunnel holds its place as long as it
lasts.
"""

from time import monotonic

from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.service import Service
from noderouter.proxy.limit.gate import Gate


class ConcurrencyLimit:
    """Goes on while there are places, and waits for one."""

    __slots__ = ("_gate", "_service")

    def __init__(self, service: Service, gate: Gate) -> None:
        """`gate` is that of the service's name, whatever dtab leads on from there."""
        self._service = service
        self._gate = gate

    async def serve(self, exchange: Exchange) -> None:
        """Carry one exchange.

        Raises:
            LimitReached: there is no place for it; it was not processed.
        """
        gate = self._gate
        if not gate.enter():
            await gate.wait()
        began = monotonic()
        try:
            await self._service(exchange)
        finally:
            if gate.gradient is None:
                gate.leave(-1.0, 0.0)
            else:
                gate.leave(latency(exchange, began), monotonic())


def latency(exchange: Exchange, began: float) -> float:
    """Seconds until the response began, or was complete; negative where they say nothing about who answered.

    What failed is quick, or slow, for reasons of its own. How long an upload takes its client decides, so what counts
    is from its end on; an answer that came before says nothing.
    """
    if exchange.verdict is not SUCCESS or exchange.tunnel:
        return -1.0
    answered = exchange.head_at or exchange.done_at
    if exchange.body.data is not None:
        return answered - began
    sent = exchange.sent_at
    return answered - sent if began <= sent <= answered else -1.0
