"""`io.l5d.otlpEvents`: the router's own log to an OpenTelemetry Collector, beside standard error.

telemetry:
- kind: io.l5d.otlpEvents
  endpoint: http://collector.logs:4318

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

from functools import partial
from typing import ClassVar

from noderouter.telemetry.telemeter.kind import TelemeterKind
from noderouter.telemetry.tracing import otlp_events
from noderouter.telemetry.tracing.event_recorder import CAPACITY, EventRecorder
from noderouter.telemetry.tracing.exporter import EventExporter
from noderouter.telemetry.tracing.otlp_records import PATH
from noderouter.telemetry.tracing.queue import Queue
from noderouter.telemetry.tracing.target import Target


class OtlpEventsKind(Target, TelemeterKind):
    """Tells what goes to standard error: at the levels of the loggers, and as often as an event may be written."""

    kind_name: ClassVar[str] = "io.l5d.otlpEvents"

    def listener(self) -> EventRecorder:
        """Return what takes events, with what exports them."""
        encoder = partial(otlp_events.encoder, self.resource())
        return EventRecorder(EventExporter(self.kind_name, Queue(CAPACITY), encoder, self.collector(PATH)))
