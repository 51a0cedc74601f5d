"""`io.l5d.otlpLogs`: the access log to an OpenTelemetry Collector, or to whatever takes OTLP over HTTP.

telemetry:
- kind: io.l5d.otlpLogs
  endpoint: http://collector.logs:4318
  sampleRate: 0.05

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

from functools import partial
from typing import ClassVar

from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing import otlp_logs
from noderouter.telemetry.tracing.exporter import LogExporter
from noderouter.telemetry.tracing.log_recorder import CAPACITY, LogRecorder
from noderouter.telemetry.tracing.otlp_records import PATH
from noderouter.telemetry.tracing.queue import Queue
from noderouter.telemetry.tracing.target import Target


class OtlpLogsKind(Target, TelemeterKind):
    """Tells the share `sampleRate` of requests that go well, and all that fail, of all routers."""

    kind_name: ClassVar[str] = "io.l5d.otlpLogs"

    sampleRate: Rate = 1.0

    def observer(self) -> Observer:
        """Return what takes the lines, with what exports them."""
        encoder = partial(otlp_logs.encoder, self.resource())
        exporter = LogExporter(self.kind_name, Queue(CAPACITY), encoder, self.collector(PATH))
        return LogRecorder(exporter, self.sampleRate)
