"""Events as OpenTelemetry's collectors read them, read with the official package.

Covers `otlp_records.py`.
"""

import pytest

from noderouter import __version__
from noderouter.telemetry.tracing.event import Event
from noderouter.telemetry.tracing.otlp_events import SEVERITIES, encoder

service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")


def test_a_batch_is_one_request_with_a_scope_for_each_logger() -> None:
    fields: dict[str, object] = {"ip": "0.0.0.0", "port": 4140, "grace": 0.5, "shared": True, "missing": ["a", 1]}
    events = [
        Event(5, "noderouter", "info", "server.listening", fields),  # type: ignore[arg-type]
        Event(6, "noderouter.admin", "warning", "admin.token_wrong", {}),
        Event(7, "noderouter", "info", "router.stopping", {}),
    ]
    request = service.ExportLogsServiceRequest.FromString(encoder({"service.name": "mesh"}, clock=lambda: 9)(events))
    (of_resource,) = request.resource_logs
    assert of_resource.resource.attributes[0].value.string_value == "mesh"
    one, other = of_resource.scope_logs
    assert [(each.scope.name, each.scope.version) for each in (one, other)] == [
        ("noderouter", __version__),
        ("noderouter.admin", __version__),
    ]
    first, second = one.log_records
    assert (first.time_unix_nano, first.observed_time_unix_nano) == (5, 9)
    assert (first.event_name, first.body.string_value) == ("server.listening", "server.listening")
    assert (first.severity_number, first.severity_text) == (9, "info")
    values = {each.key: each.value for each in first.attributes}
    assert (values["ip"].string_value, values["port"].int_value) == ("0.0.0.0", 4140)
    assert (values["grace"].double_value, values["shared"].bool_value) == (0.5, True)
    assert [each.WhichOneof("value") for each in values["missing"].array_value.values] == ["string_value", "int_value"]
    assert second.event_name == "router.stopping"
    assert other.log_records[0].severity_number == 13


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical", "unheard_of"])
def test_severities_are_those_of_the_log_data_model(level: str) -> None:
    """See https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber."""
    logs = pytest.importorskip("opentelemetry.proto.logs.v1.logs_pb2")
    names = {"warning": "WARN", "critical": "FATAL", "unheard_of": "UNSPECIFIED"}
    expected = getattr(logs, f"SEVERITY_NUMBER_{names.get(level, level.upper())}")
    request = service.ExportLogsServiceRequest.FromString(encoder({})([Event(1, "x", level, "a.b", {})]))
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert (record.severity_number, record.severity_text) == (expected, level)
    assert SEVERITIES.get(level, 0) == expected
