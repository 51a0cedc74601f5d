"""`io.l5d.otlp`: spans to an OpenTelemetry Collector, to Jaeger, or to whatever takes OTLP over HTTP.

telemetry:
- kind: io.l5d.otlp
  endpoint: http://collector.tracing:4318
  sampleRate: 0.01

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

import os
from typing import Annotated, ClassVar, Self

from noderouter.core.propagation.sampler import Sampler
from noderouter.schema.fields import FieldName
from noderouter.schema.kind import Field, model_validator
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tracing.target import (
    Endpoint,
    HeaderFile,
    HeaderValue,
    collector,
    headers_once,
    resource,
    url,
)


class OtlpKind(TelemeterKind):
    """Records the share `sampleRate` of traces; with `failures` every request that fails, too."""

    kind_name: ClassVar[str] = "io.l5d.otlp"

    endpoint: Endpoint
    headers: Annotated[dict[FieldName, HeaderValue], Field(max_length=32)] = Field(default_factory=dict)
    headerFiles: Annotated[dict[FieldName, HeaderFile], Field(max_length=32)] = Field(default_factory=dict)
    """Files that hold the values of headers that are secret; read anew for each batch."""
    sampleRate: Rate = 0.01
    failures: bool = False
    serviceName: Annotated[str, Field(min_length=1, max_length=200)] = "noderouter"

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if not otlp.installed():
            raise ValueError(f"needs the packages opentelemetry-proto and protobuf: {otlp.HOW_TO_GET}")
        return self

    @model_validator(mode="after")
    def _headers_once(self) -> Self:
        headers_once(self.headers, self.headerFiles)
        return self

    def sampler(self) -> Sampler:
        """Return what it wants."""
        return Sampler(self.sampleRate, self.failures)

    def observer(self) -> Observer:
        """Return what records spans, with what exports them."""
        place = collector(url(self.endpoint, otlp.PATH), self.headers, self.headerFiles)
        about = resource(self.serviceName, os.environ)
        exporter = SpanExporter(self.kind_name, SpanQueue(), lambda: otlp.encoder(about), place)
        return SpanRecorder(self.sampler(), exporter)
