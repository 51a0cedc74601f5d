"""Where an exporter of OTLP sends to: the keys of its configuration, and whose the records are.

The kinds that have them (`telemeter/otlp.py`, `telemeter/otlp_logs.py`) know nothing of each other.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from noderouter import __version__
from noderouter.schema.fields import FieldName
from noderouter.schema.kind import AfterValidator, Field, Model, model_validator
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.post import HEADER_BYTES, Collector

EXAMPLE = "http://collector.tracing:4318"
CONTENT_TYPE = "application/x-protobuf"


def endpoint(value: str) -> str:
    """Check the URL of a collector.

    Raises:
        ValueError: it is none, or has what belongs elsewhere.
    """
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
    return value


def url(endpoint: str, path: str) -> str:
    """Return where records go: to the path of OTLP for them, unless the endpoint has one of its own."""
    return endpoint.rstrip("/") + path if urlsplit(endpoint).path in ("", "/") else endpoint


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable() or value.strip() != value:
        raise ValueError("must be printable ASCII without spaces around it")
    return value


def _file(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise ValueError("must be the path of a file, from the root on: its first line is the header's value")
    return value


Endpoint = Annotated[str, Field(max_length=2000), AfterValidator(endpoint)]
HeaderValue = Annotated[str, Field(max_length=HEADER_BYTES), AfterValidator(_header)]
HeaderFile = Annotated[str, Field(max_length=4096), AfterValidator(_file)]


def headers_once(headers: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Check that no header has two values.

    Raises:
        ValueError: one has.
    """
    folded = {name.lower() for name in headers}
    twice = sorted(name for name in files if name.lower() in folded)
    if twice:
        raise ValueError(f"`headers` and `headerFiles` both have {', '.join(twice)}: leave it in one of them")


def collector(url: str, headers: Mapping[str, str], files: Mapping[str, str]) -> Collector:
    """Return the place that batches go to."""
    return Collector(url, CONTENT_TYPE, headers, files={name: Path(path) for name, path in files.items()})


def resource(service: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Whose spans they are; the chart tells node, pod and address."""
    found = {"service.name": service, "service.version": __version__}
    for key, name in (("k8s.node.name", "NODE_NAME"), ("k8s.pod.name", "POD_NAME"), ("host.ip", "POD_IP")):
        if environment.get(name):
            found[key] = environment[name]
    return found


class Target(Model):
    """The keys that every kind has which sends OTLP."""

    endpoint: Endpoint
    headers: Annotated[dict[FieldName, HeaderValue], Field(max_length=32)] = Field(default_factory=dict)
    headerFiles: Annotated[dict[FieldName, HeaderFile], Field(max_length=32)] = Field(default_factory=dict)
    """Files that hold the values of headers that are secret; read anew for each batch."""
    serviceName: Annotated[str, Field(min_length=1, max_length=200)] = "noderouter"

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if not otlp.installed():
            raise ValueError(f"needs the packages opentelemetry-proto and protobuf: {otlp.HOW_TO_GET}")
        headers_once(self.headers, self.headerFiles)
        return self

    def collector(self, path: str) -> Collector:
        """Return the place that batches go to, with `path` where the endpoint has none."""
        return collector(url(self.endpoint, path), self.headers, self.headerFiles)

    def resource(self) -> dict[str, str]:
        """Return whose the records are."""
        return resource(self.serviceName, os.environ)
