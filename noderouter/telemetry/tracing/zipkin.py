"""Batches as Zipkin reads them: version 2 of its JSON."""

import json
from collections.abc import Sequence
from typing import Any, Final

from noderouter.telemetry.tracing.span import Span

CONTENT_TYPE: Final = "application/json"
PATH: Final = "/api/v2/spans"


def encode(spans: Sequence[Span]) -> bytes:
    """The body of one request; spans are of the service that their router is called."""
    return json.dumps([_shown(span) for span in spans], separators=(",", ":")).encode("ascii")


def _shown(span: Span) -> dict[str, Any]:
    trace_id, told = f"{span.trace_id:016x}", span.attributes
    found: dict[str, Any] = {
        "traceId": f"{span.trace_id_high:016x}{trace_id}" if span.trace_id_high else trace_id,
        "id": f"{span.span_id:016x}",
        "kind": span.kind.name,
        "name": span.name.lower(),
        "timestamp": span.started_ns // 1000,
        "duration": max(1, (span.ended_ns - span.started_ns) // 1000),
        "localEndpoint": {"serviceName": span.router},
        "tags": {key: _text(value) for key, value in told},
    }
    if span.parent_id:
        found["parentId"] = f"{span.parent_id:016x}"
    if span.error is not None:
        found["tags"]["error"] = span.error
    attributes = dict(told)
    prefix = "client" if span.kind.name == "SERVER" else "network.peer"
    address = attributes.get(f"{prefix}.address")
    if isinstance(address, str):
        key = "ipv6" if ":" in address else "ipv4"
        found["remoteEndpoint"] = {key: address, "port": attributes.get(f"{prefix}.port", 0)}
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)
