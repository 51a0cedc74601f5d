"""`io.l5d.otlpLogs`: the access log to an OpenTelemetry Collector, or to whatever takes OTLP over HTTP.

telemetry:
- kind: io.l5d.otlpLogs
  endpoint: http://collector.logs:4318
  sampleRate: 0.05

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

import os
from typing import Annotated, ClassVar, Self

from noderouter.schema.fields import FieldName
from noderouter.schema.kind import Field, model_validator
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing import otlp, otlp_logs
from noderouter.telemetry.tracing.exporter import LogExporter
from noderouter.telemetry.tracing.log_recorder import CAPACITY, LogRecorder
from noderouter.telemetry.tracing.queue import Queue
from noderouter.telemetry.tracing.target import (
    Endpoint,
    HeaderFile,
    HeaderValue,
    collector,
    headers_once,
    resource,
    url,
)


class OtlpLogsKind(TelemeterKind):
    """Tells the share `sampleRate` of requests that go well, and all that fail, of all routers."""

    kind_name: ClassVar[str] = "io.l5d.otlpLogs"

    endpoint: Endpoint
    headers: Annotated[dict[FieldName, HeaderValue], Field(max_length=32)] = Field(default_factory=dict)
    headerFiles: Annotated[dict[FieldName, HeaderFile], Field(max_length=32)] = Field(default_factory=dict)
    """Files that hold the values of headers that are secret; read anew for each batch."""
    sampleRate: Rate = 1.0
    serviceName: Annotated[str, Field(min_length=1, max_length=200)] = "noderouter"

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not otlp.installed():
            raise ValueError(f"needs the packages opentelemetry-proto and protobuf: {otlp.HOW_TO_GET}")
        headers_once(self.headers, self.headerFiles)
        return self

    def observer(self) -> Observer:
        """Return what takes the lines, with what exports them."""
        place = collector(url(self.endpoint, otlp_logs.PATH), self.headers, self.headerFiles)
        about = resource(self.serviceName, os.environ)
        exporter = LogExporter(self.kind_name, Queue(CAPACITY), lambda: otlp_logs.encoder(about), place)
        return LogRecorder(exporter, self.sampleRate)
