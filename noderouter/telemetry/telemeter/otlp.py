"""`io.l5d.otlp`: spans to an OpenTelemetry Collector, to Jaeger, or to whatever takes OTLP over HTTP.

telemetry:
- kind: io.l5d.otlp
  endpoint: http://collector.tracing:4318
  sampleRate: 0.01

Needs the extra `tracing`: pip install 'noderouter[tracing]'.
"""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from noderouter import __version__
from noderouter.core.propagation.sampler import Sampler
from noderouter.schema.fields import FieldName
from noderouter.schema.kind import AfterValidator, Field, model_validator
from noderouter.telemetry.observe import Observer
from noderouter.telemetry.telemeter.kind import Rate, TelemeterKind
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.exporter import SpanExporter
from noderouter.telemetry.tracing.post import HEADER_BYTES, Collector
from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.recorder import SpanRecorder

EXAMPLE = "http://collector.tracing:4318"


def _endpoint(value: str) -> str:
    """Check a URL, and give it the path of OTLP where it has none."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL such as {EXAMPLE}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not value.isascii() or not value.isprintable():
        raise ValueError(f"must be a URL of http or https, such as {EXAMPLE}")
    beside = "@" in parts.netloc or " " in value or "?" in value or "#" in value
    if port == 0 or beside:
        text = f"must have nothing but scheme, host, port and path, such as {EXAMPLE}"
        raise ValueError(f"{text}; what the collector wants beside goes into `headers`")
    return value.rstrip("/") + otlp.PATH if parts.path in ("", "/") else value


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable() or value.strip() != value:
        raise ValueError("must be printable ASCII without spaces around it")
    return value


HeaderValue = Annotated[str, Field(max_length=HEADER_BYTES), AfterValidator(_header)]


def _file(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise ValueError("must be the path of a file, from the root on: its first line is the header's value")
    return value


HeaderFile = Annotated[str, Field(max_length=4096), AfterValidator(_file)]


class OtlpKind(TelemeterKind):
    """Records the share `sampleRate` of traces; with `failures` every request that fails, too."""

    kind_name: ClassVar[str] = "io.l5d.otlp"

    endpoint: Annotated[str, Field(max_length=2000), AfterValidator(_endpoint)]
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
        folded = {str(name).lower() for name in self.headers}
        twice = sorted(str(name) for name in self.headerFiles if str(name).lower() in folded)
        if twice:
            raise ValueError(f"`headers` and `headerFiles` both have {', '.join(twice)}: leave it in one of them")
        return self

    def sampler(self) -> Sampler:
        """Return what it wants."""
        return Sampler(self.sampleRate, self.failures)

    def observer(self) -> Observer:
        """Return what records spans, with what exports them."""
        files = {name: Path(path) for name, path in self.headerFiles.items()}
        collector = Collector(self.endpoint, otlp.CONTENT_TYPE, dict(self.headers), files=files)
        about = resource(self.serviceName, os.environ)
        exporter = SpanExporter(self.kind_name, SpanQueue(), lambda: otlp.encoder(about), collector)
        return SpanRecorder(self.sampler(), exporter)


def resource(service: str, environment: Any) -> dict[str, str]:
    """Whose spans they are; the chart tells node, pod and address."""
    found = {"service.name": service, "service.version": __version__}
    for key, name in (("k8s.node.name", "NODE_NAME"), ("k8s.pod.name", "POD_NAME"), ("host.ip", "POD_IP")):
        if environment.get(name):
            found[key] = environment[name]
    return found
