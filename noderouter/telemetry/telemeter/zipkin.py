"""`io.l5d.zipkin`: spans to Zipkin, or to whatever takes its format (docs/linkerd1.md section 6.5).

telemetry:
- kind: io.l5d.zipkin
  host: zipkin.tracing
  port: 9411
  sampleRate: 0.01

Linkerd spoke Scribe, at port 9410. Collectors of today take version 2 of Zipkin's JSON over HTTP, at 9411.
"""

from typing import Annotated, ClassVar

from noderouter.core.host_port import join_host_port
from noderouter.core.propagation.sampler import Sampler
from noderouter.schema.kind import Field
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.post import Collector
from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tracing.zipkin import CONTENT_TYPE, PATH, encode

HOST = r"^[0-9A-Za-z_]([0-9A-Za-z_.:-]*[0-9A-Za-z_])?\.?$|^[0-9A-Fa-f:.]+$"


class ZipkinKind(TelemeterKind):
    """Records the share `sampleRate` of traces; with `failures` every request that fails, too."""

    kind_name: ClassVar[str] = "io.l5d.zipkin"

    host: Annotated[str, Field(max_length=253, pattern=HOST)] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 9411
    sampleRate: Rate = 0.001
    failures: bool = False

    def sampler(self) -> Sampler:
        """Return what it wants."""
        return Sampler(self.sampleRate, self.failures)

    def observer(self) -> Observer:
        """Return what records spans, with what exports them."""
        collector = Collector(f"http://{join_host_port(self.host, self.port)}{PATH}", CONTENT_TYPE, {})
        return SpanRecorder(self.sampler(), SpanExporter(self.kind_name, SpanQueue(), lambda: encode, collector))
