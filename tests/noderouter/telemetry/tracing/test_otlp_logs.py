"""Lines of the access log as OpenTelemetry's collectors read them, read with the official package."""

from typing import Any

import pytest

from noderouter.core.errors import ClientGone
from noderouter.telemetry.record import make
from noderouter.telemetry.tracing.otlp_logs import body, encoder, nanoseconds, severity
from tests.testing.ended import ATTACK, STARTED, TRACE, ended

NOON = 1_732_276_800.25


def record(error: BaseException | None = None, **keys: Any) -> dict[str, Any]:
    return make(ended(**keys), "out", TRACE, error, STARTED + 0.25, NOON)


def test_a_batch_is_one_request_of_one_resource() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    encode = encoder({"service.name": "mesh"}, clock=lambda: 7)
    request = service.ExportLogsServiceRequest.FromString(encode([record(), record(ClientGone("left"), status=None)]))
    (of_resource,) = request.resource_logs
    assert of_resource.resource.attributes[0].value.string_value == "mesh"
    (scope,) = of_resource.scope_logs
    assert scope.scope.name == "noderouter.access_log"
    one, other = scope.log_records
    assert (one.time_unix_nano, one.observed_time_unix_nano) == (1_732_276_800_000_000_000, 7)
    assert (one.severity_text, one.body.string_value) == ("INFO", "GET hello/a?b=c 200 250.0 ms")
    assert one.trace_id.hex() == "0000000000000000" + "0000000000000abc"
    assert (one.span_id.hex(), one.flags) == ("0000000000000012", 0)
    values = {each.key: each.value for each in one.attributes}
    assert values["status"].int_value == 200
    assert values["duration_ms"].double_value == 250.0
    assert values["service"].string_value == "/svc/hello"
    (attempt,) = values["tries"].array_value.values
    assert {each.key: each.value for each in attempt.kvlist_value.values}["endpoint"].string_value == "10.0.0.7:8080"
    assert not {"time", "trace", "span", "sampled", "error", "destination"} & set(values)  # its own, and null
    assert other.severity_text == "ERROR"
    assert "status" not in {each.key for each in other.attributes}


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (200, None, "INFO"),
        (404, None, "INFO"),
        (400, ValueError(), "WARN"),
        (503, None, "ERROR"),
        (None, None, "ERROR"),
    ],
)
def test_how_bad_it_is(status: int | None, error: BaseException | None, text: str) -> None:
    assert severity(record(error, status=status))[1] == text


def test_whatever_a_client_sends_is_encoded() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    hostile = record(target=b"/\xff\x00" + ATTACK.encode(), authority=b"\xed\xa0\x80")
    request = service.ExportLogsServiceRequest.FromString(encoder({})([hostile]))
    (made,) = request.resource_logs[0].scope_logs[0].log_records
    values = {each.key: each.value.string_value for each in made.attributes}
    assert (values["path"], values["authority"]) == (hostile["path"], hostile["authority"])


def test_a_body_says_what_became_of_it() -> None:
    assert body(record(ClientGone("left"), status=None)) == "GET hello/a?b=c ClientGone 250.0 ms"


def test_times() -> None:
    assert nanoseconds("2024-11-22T12:00:00.250Z") == 1_732_276_800_250_000_000
