"""Counts exchanges: one of these stands in the server, the service and the client stack."""

from time import monotonic

from noderouter.core.errors import ClientGone
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.service import Service
from noderouter.reactor.errors import Unwind
from noderouter.telemetry.metrics import RequestStats


class Stats:
    """Records status, latency and verdict of each exchange; an exception counts by its class."""

    __slots__ = ("_service", "_stats")

    def __init__(self, service: Service, stats: RequestStats) -> None:
        self._service = service
        self._stats = stats

    async def __call__(self, exchange: Exchange) -> None:
        stats = self._stats
        stats.pending += 1
        started = monotonic()
        try:
            await self._service(exchange)
            response = exchange.response
            if response is not None:
                stats.record(response.status, monotonic() - started, exchange.verdict is Verdict.SUCCESS)
        except (Exception, Unwind) as error:
            stats.fail(failure_name(error), monotonic() - started)
            raise
        finally:
            stats.pending -= 1


def failure_name(error: BaseException) -> str:
    """The name a failure is counted under: of the reason, where a task was cancelled for one."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ClientGone):
        return "ClientGone"
    return type(reason).__name__ if isinstance(reason, BaseException) else type(error).__name__
