"""The access log on its way to a collector: an observer that puts what a line would say into a queue (docs/logs.md).

A target and an authority are cut to `LONG` characters: thousands wait where no collector is.
"""

from collections.abc import Callable
from time import monotonic, time
from typing import Final

from noderouter.telemetry.access_records import AccessRecords
from noderouter.telemetry.recent import CUT
from noderouter.telemetry.record import Record
from noderouter.telemetry.tracing.exporter import LogExporter
from noderouter.telemetry.tree import Scope

CAPACITY: Final = 4096
"""Records; some 10 MB."""
LONG: Final = 1024


class LogRecorder(AccessRecords):
    """Fills the queue of an exporter."""

    def __init__(
        self,
        exporter: LogExporter,
        rate: float = 1.0,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """`rate` is of what went well."""
        super().__init__(rate, clock, wall)
        self.exporter = exporter
        self._queue = exporter.queue

    def gauges(self, scope: Scope) -> None:
        """Register what becomes of them."""
        self.exporter.gauges(scope)
        scope.tally("left_out", lambda: self.left_out)

    def take(self, record: Record) -> None:
        """Queue it."""
        for key in ("authority", "path"):
            value = record[key]
            if value is not None and len(value) > LONG:
                record[key] = value[:LONG] + CUT
        self._queue.put(record)
