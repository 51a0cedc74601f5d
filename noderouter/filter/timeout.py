"""Time limits of an exchange (spec sections 2.7 and 4.5).

`TotalTimeout` bounds the whole request with all its retries, `AttemptTimeout` each attempt, whose expiry the
classifier may call retryable. The deadline that came with the request (`l5d-ctx-deadline`) bounds both.
"""

from math import inf
from time import monotonic, time_ns

from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.reactor.task import Timeout


def remaining(exchange: Exchange) -> float:
    """Seconds until the propagated deadline of the exchange; infinite without one."""
    context = exchange.context
    if context is None or context.deadline is None:
        return inf
    return (context.deadline.deadline_ns - time_ns()) / 1e9


class TotalTimeout:
    """Ends the exchange, retries included, at its own limit or at the caller's deadline.

    Stands in every service stack, since any request may carry a deadline; costs nothing where there is no limit.
    """

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float = inf) -> None:
        self._service = service
        self._seconds = seconds

    async def __call__(self, exchange: Exchange) -> None:
        seconds = min(self._seconds, remaining(exchange))
        if seconds == inf:
            return await self._service(exchange)
        with Timeout(deadline=monotonic() + seconds):
            return await self._service(exchange)
        raise DeadlineExceeded(
            f"exceeded {seconds:.3f}.seconds to {exchange.name.show() if exchange.name else '/'} while waiting"
            " for a response for the request, including retries (if applicable)"
        )


class AttemptTimeout:
    """Ends one attempt after `seconds`."""

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float) -> None:
        self._service = service
        self._seconds = seconds

    async def __call__(self, exchange: Exchange) -> None:
        with Timeout(self._seconds):
            return await self._service(exchange)
        raise DeadlineExceeded(
            f"exceeded {self._seconds:g}.seconds to {exchange.client_id.show() if exchange.client_id else '/'}"
            " while waiting for a response for one attempt",
        )
