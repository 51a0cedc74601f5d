"""All that is recorded for collectors, of one process: begun together, and flushed together at its end."""

from collections.abc import Sequence

import trio

from noderouter.core.background import Log, StartSoon
from noderouter.telemetry.tracing.event_recorder import EventRecorder
from noderouter.telemetry.tracing.exemplars import exemplars
from noderouter.telemetry.tracing.log_recorder import LogRecorder
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tree import MetricsTree

Recorder = SpanRecorder | LogRecorder | EventRecorder


class Exports:
    """The recorders, with their exporters."""

    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders

    def begin(self, start_soon: StartSoon, metrics: MetricsTree, log: Log) -> None:
        """Export from now on; the tasks end by cancellation, or by `flush`."""
        for recorder in self._recorders:
            exporter = recorder.exporter
            recorder.gauges(metrics.scope("telemetry", exporter.kind))
            run = exporter.run
            if isinstance(recorder, SpanRecorder):
                recorder.shown = exemplars(metrics)
            elif isinstance(recorder, EventRecorder):
                recorder.listen()
                run = recorder.run
            start_soon(run, log, name=f"export to {exporter.kind}")

    async def flush(self, seconds: float) -> None:
        """Send what has been recorded and not sent yet, within so many seconds."""
        async with trio.open_nursery() as nursery:
            for recorder in self._recorders:
                nursery.start_soon(recorder.exporter.flush, seconds)
