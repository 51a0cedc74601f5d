"""Time limits of an exchange (spec sections 2.7 and 4.5).

`TotalTimeout` bounds the whole request with all its retries, `AttemptTimeout` each attempt, whose expiry the
classifier may call retryable. The deadline that came with the request (`l5d-ctx-deadline`) bounds both.

As in Linkerd, what is limited is the time until the response begins: a body may stream for as long as it likes.
"""

from collections.abc import Awaitable
from math import inf
from time import time_ns

from dtab import Path
from noderouter.core.exchange import Exchange, Reply
from noderouter.core.service import Service
from noderouter.filter.deadline import limit_deadline
from noderouter.filter.error_text import attempt_timeout, total_timeout
from noderouter.reactor.task import Timeout

_NOWHERE = Path()


def remaining(exchange: Exchange) -> float:
    """Seconds until the propagated deadline of the exchange; infinite without one."""
    context = exchange.context
    if context is None or context.deadline is None:
        return inf
    return (context.deadline.deadline_ns - time_ns()) / 1e9


class UntilReply(Timeout):
    """A timeout that is lifted when the response begins."""

    __slots__ = ("_reply",)

    def __init__(self, reply: Reply, seconds: float) -> None:
        super().__init__(seconds)
        self._reply = reply

    def due(self) -> float:
        """See `Timeout`."""
        return inf if self._reply.started else self.deadline


class TotalTimeout:
    """Ends the exchange, retries included, at its own limit or at the caller's deadline; tells the next hop of it.

    Stands in every service stack, since any request may carry a deadline; costs one comparison where there is none.
    """

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float = inf) -> None:
        self._service = service
        self._seconds = seconds

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        seconds = self._seconds if exchange.context is None else min(self._seconds, remaining(exchange))
        return self._service(exchange) if seconds == inf else self._within(exchange, seconds)

    async def _within(self, exchange: Exchange, seconds: float) -> None:
        if self._seconds < inf:
            exchange.limited = True
            limit_deadline(exchange, self._seconds)
        with UntilReply(exchange.reply, seconds):
            return await self._service(exchange)
        raise total_timeout(exchange.name or _NOWHERE, seconds)


class AttemptTimeout:
    """Ends one attempt after `seconds`."""

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float) -> None:
        self._service = service
        self._seconds = seconds

    async def serve(self, exchange: Exchange) -> None:
        exchange.limited = True
        with UntilReply(exchange.reply, self._seconds):
            return await self._service(exchange)
        raise attempt_timeout(exchange.client_id or _NOWHERE, self._seconds)
