"""Spans as OpenTelemetry's collectors read them, read with the official package."""

import pytest

from noderouter.telemetry.tracing.otlp import encoder, installed, rejected
from noderouter.telemetry.tracing.span import Span, SpanKind

service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


def test_a_batch_is_one_request_of_one_resource() -> None:
    attributes = (("http.response.status_code", 503), ("url.path", "/é"))
    spans = [
        Span((1, 2, 3, 4), SpanKind.SERVER, "GET", "out", (5, 9), lambda: attributes, "503", remote=True, state=b"a=b"),
        Span((0, 2, 6, 0), SpanKind.CLIENT, "POST", "out", (6, 7), tuple),
    ]
    request = service.ExportTraceServiceRequest.FromString(encoder({"service.name": "noderouter"})(spans))
    (of_resource,) = request.resource_spans
    (resource,) = of_resource.resource.attributes
    assert (resource.key, resource.value.string_value) == ("service.name", "noderouter")
    (scope,) = of_resource.scope_spans
    assert scope.scope.name == "noderouter"
    one, other = scope.spans
    assert one.trace_id.hex() == "00000000000000010000000000000002"
    assert (one.span_id.hex(), one.parent_span_id.hex()) == ("0000000000000003", "0000000000000004")
    assert (one.name, one.kind, one.trace_state) == ("GET", one.SPAN_KIND_SERVER, "a=b")
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (5, 9)
    assert one.status.code == one.status.STATUS_CODE_ERROR
    assert one.flags == 0x301
    values = {each.key: each.value for each in one.attributes}
    assert values["http.response.status_code"].int_value == 503
    assert values["url.path"].string_value == "/é"
    assert other.trace_id.hex() == "00000000000000000000000000000002"
    assert (other.kind, other.parent_span_id, other.flags) == (other.SPAN_KIND_CLIENT, b"", 0x101)
    assert other.status.code == other.status.STATUS_CODE_UNSET


def test_it_is_there() -> None:
    assert installed()


def part(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


TOLD = b"\x08\xac\x02" + part(2, b"quota")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", (0, "")),
        (part(1, b""), (0, "")),
        (part(1, TOLD), (300, "quota")),
        (part(7, b"later") + part(1, TOLD), (300, "quota")),
        (part(1, part(2, b"a warning")), (0, "a warning")),
        (part(1, b"\x08" + b"\xff" * 9 + b"\x01"), (0, "")),
        (part(1, TOLD)[:-1], (0, "")),
        (part(1, part(2, b"\xff")), (0, "")),
        (b"\xff" * 20, (0, "")),
        (b"<html>", (0, "")),
    ],
)
def test_what_a_collector_says_of_a_batch_is_read_or_says_nothing(body: bytes, found: tuple[int, str]) -> None:
    assert rejected(body) == found
