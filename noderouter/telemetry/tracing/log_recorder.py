"""The access log on its way to a collector: an observer that puts what a line would say into a queue (docs/logs.md).

Of what went well a share is told, drawn by trace id; what failed in the router, was answered 5xx or judged a failure in
any case. A target and an authority are cut to `LONG` characters: thousands wait where no collector is.
"""

from collections.abc import Callable
from time import monotonic, time
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.observe import EVERYTHING
from noderouter.telemetry.recent import CUT
from noderouter.telemetry.record import ended_at, failed, make
from noderouter.telemetry.tracing.exporter import LogExporter
from noderouter.telemetry.tree import Scope

CAPACITY: Final = 4096
"""Records; some 10 MB."""
LONG: Final = 1024


class LogRecorder:
    """Fills the queue of an exporter; see `telemetry.observe.Observer`.

    Attributes:
        left_out: requests that were not among the share.
    """

    limit = EVERYTHING
    heeds = False
    journeys = True

    def __init__(
        self,
        exporter: LogExporter,
        rate: float = 1.0,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """`rate` is of what went well."""
        self.exporter = exporter
        self.left_out = 0
        self._queue = exporter.queue
        self._share = sample_limit(rate)
        self._clock = clock
        self._wall = wall

    def gauges(self, scope: Scope) -> None:
        """Register what becomes of them."""
        self.exporter.gauges(scope)
        scope.tally("left_out", lambda: self.left_out)

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Take what a line would say, unless it is left out."""
        if trace.trace_id >= self._share and error is None and not failed(exchange):
            self.left_out += 1
            return
        now = self._clock()
        ended = ended_at(exchange, error, now)
        record = make(exchange, router, trace, error, ended, self._wall() - (now - ended))
        for key in ("authority", "path"):
            value = record[key]
            if value is not None and len(value) > LONG:
                record[key] = value[:LONG] + CUT
        self._queue.put(record)
