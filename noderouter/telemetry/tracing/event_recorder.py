"""The router's own log on its way to a collector: a listener that puts events into a queue (docs/logs.md).

What is said of this very way is left out: a collector that is not there must not be what it is told about for ever.
"""

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Final

from noderouter.core.background import Log
from noderouter.telemetry.log import EVENTS_UNSENT, listeners
from noderouter.telemetry.tracing.event import event_of
from noderouter.telemetry.tracing.exporter import EventExporter
from noderouter.telemetry.tree import Scope

CAPACITY: Final = 1024
"""Events; some 1 MB, and 40 MB where each is as long as any may be."""


class EventRecorder:
    """Fills the queue of an exporter, from `listen` until that has ended."""

    def __init__(self, exporter: EventExporter, clock: Callable[[], int] = time_ns) -> None:
        self.exporter = exporter
        self._clock = clock

    def gauges(self, scope: Scope) -> None:
        """Register what becomes of events."""
        self.exporter.gauges(scope)

    def listen(self) -> None:
        """Take what is logged from now on; `run` has to follow."""
        listeners.add(self.take)

    async def run(self, log: Log) -> None:
        """Export until cancelled, or until the exporter is flushed."""
        try:
            await self.exporter.run(log)
        finally:
            listeners.remove(self.take)

    def take(self, logged: Mapping[str, Any]) -> None:
        """Queue an event; called by structlog, in whatever thread logs."""
        if logged["event"] != EVENTS_UNSENT:
            self.exporter.queue.put(event_of(logged, self._clock()))
