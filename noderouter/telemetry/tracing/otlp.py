"""Batches as OpenTelemetry's collectors read them: OTLP over HTTP, in protobuf.

The messages are the official package's, which comes with the extra `tracing` and is imported by `encoder` alone:
once, when a router that exports so begins.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from noderouter import __version__
from noderouter.telemetry.tracing.span import Span

PATH: Final = "/v1/traces"
HOW_TO_GET: Final = "pip install 'noderouter[tracing]'"

_STATUS_ERROR: Final = 2
_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
_SAMPLED: Final = 1
_KNOWN: Final = 2048
"""Attributes whose bytes are kept: most of a span's are those of the one before. Some 600 KB; 2 MB of the longest."""


def installed() -> bool:
    """Whether the package is there; imports nothing of it."""
    try:
        return (
            find_spec("opentelemetry.proto.trace.v1.trace_pb2") is not None and find_spec("google.protobuf") is not None
        )
    except ModuleNotFoundError:
        return False


def rejected(body: bytes) -> tuple[int, str]:
    """Return how many records of a batch that was taken were refused, and why (`partial_success`); 0 where none were.

    What is said of spans and of lines of a log has the same form. What cannot be read says nothing.
    """
    if not body:
        return 0, ""
    service: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    try:
        said = service.ExportTraceServiceResponse.FromString(body).partial_success
    except import_module("google.protobuf.message").DecodeError:
        return 0, ""
    return max(0, said.rejected_spans), said.error_message


def encoder(resource: Mapping[str, str]) -> Callable[[Sequence[Span]], bytes]:
    """What encodes a batch; `resource` says whose spans they are."""
    service: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    common: Any = import_module("opentelemetry.proto.common.v1.common_pb2")
    messages: Any = import_module("opentelemetry.proto.trace.v1.trace_pb2")

    def attribute(key: str, value: object) -> Any:
        if isinstance(value, int):
            return common.KeyValue(key=key, value=common.AnyValue(int_value=value))
        return common.KeyValue(key=key, value=common.AnyValue(string_value=str(value)))

    @lru_cache(maxsize=_KNOWN)
    def encoded(key: str, value: object) -> bytes:
        """One attribute as a whole span that has nothing else: such spans, one behind the other, are one."""
        found: bytes = messages.Span(attributes=[attribute(key, value)]).SerializeToString()
        return found

    about = [attribute(key, value) for key, value in resource.items()]

    def encode(spans: Sequence[Span]) -> bytes:
        request = service.ExportTraceServiceRequest()
        of_resource = request.resource_spans.add()
        of_resource.resource.attributes.extend(about)
        scope = of_resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "noderouter", __version__
        for span in spans:
            made = scope.spans.add(
                trace_id=span.trace_id_high.to_bytes(8, "big") + span.trace_id.to_bytes(8, "big"),
                span_id=span.span_id.to_bytes(8, "big"),
                parent_span_id=span.parent_id.to_bytes(8, "big") if span.parent_id else b"",
                trace_state=span.state.decode("ascii"),
                flags=_SAMPLED | _HAS_IS_REMOTE | (_IS_REMOTE if span.remote else 0),
                name=span.name,
                kind=int(span.kind),
                start_time_unix_nano=span.started_ns,
                end_time_unix_nano=span.ended_ns,
            )
            made.MergeFromString(b"".join([encoded(key, value) for key, value in span.attributes]))
            if span.error is not None:
                made.status.code = _STATUS_ERROR
        body: bytes = request.SerializeToString()
        return body

    return encode
