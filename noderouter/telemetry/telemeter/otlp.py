"""`io.l5d.otlp`: spans to an OpenTelemetry Collector, to Jaeger, or to whatever takes OTLP over HTTP.

telemetry:
- kind: io.l5d.otlp
  endpoint: http://collector.tracing:4318
  sampleRate: 0.01

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

from functools import partial
from typing import ClassVar

from noderouter.core.propagation.sampler import Sampler
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tracing.target import Target


class OtlpKind(Target, TelemeterKind):
    """Records the share `sampleRate` of traces; with `failures` every request that fails, too."""

    kind_name: ClassVar[str] = "io.l5d.otlp"

    sampleRate: Rate = 0.01
    failures: bool = False

    def sampler(self) -> Sampler:
        """Return what it wants."""
        return Sampler(self.sampleRate, self.failures)

    def observer(self) -> Observer:
        """Return what records spans, with what exports them."""
        encoder = partial(otlp.encoder, self.resource())
        exporter = SpanExporter(self.kind_name, SpanQueue(), encoder, self.collector(otlp.PATH))
        return SpanRecorder(self.sampler(), exporter)
