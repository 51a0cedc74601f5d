"""A line of the log for each of a share of the requests: what `io.l5d.tracelog` writes.

Lines go the way of all others: to the queue before standard error, which drops and counts what nobody reads. Only the
allowance for each event does not count here: whoever configures this wants every line.
"""

from time import monotonic
from typing import Final

from structlog.typing import FilteringBoundLogger

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.host_port import join_host_port
from noderouter.telemetry import log
from noderouter.telemetry.log import TRACE_SPAN
from noderouter.telemetry.metrics import failure_name
from noderouter.telemetry.recent import cut

LOGGER: Final = "io.l5d.tracelog"


class TraceLog:
    """The observer that writes them; see `filter.observe.Observer`."""

    def __init__(self, limit: int, level: str) -> None:
        """`limit` is of trace ids, `level` one of Linkerd's names."""
        self.limit = limit
        self.heeds = True
        self._level = min(max(log.LEVELS[level], log.LEVELS["DEBUG"]), log.LEVELS["CRITICAL"])
        log.levels.know(LOGGER)
        self._log: FilteringBoundLogger | None = None

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Log what is known of a request at its end."""
        name, client, endpoint, response = exchange.name, exchange.client_id, exchange.endpoint, exchange.response
        ended = (exchange.done_at if error is None else 0.0) or monotonic()
        high = "" if trace.trace_id_high is None else f"{trace.trace_id_high:016x}"
        if self._log is None:
            self._log = log.unlimited(LOGGER)
        self._log.log(
            self._level,
            TRACE_SPAN,
            trace=f"{high}{trace.trace_id:016x}",
            span=f"{trace.span_id:016x}",
            parent=f"{trace.above:016x}" if trace.above else None,
            router=router,
            source=join_host_port(*exchange.peer_address),
            server=join_host_port(*exchange.local_address),
            method=exchange.method.decode("latin-1"),
            service=None if name is None else cut(name.show()),
            client=None if client is None else cut(client.show()),
            destination=None if endpoint is None else str(endpoint.address),
            status=None if response is None or error is not None else response.status,
            error=None if error is None else failure_name(error),
            milliseconds=round((ended - exchange.started) * 1000, 3),
        )
