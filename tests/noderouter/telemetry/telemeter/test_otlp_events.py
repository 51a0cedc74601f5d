"""`io.l5d.otlpEvents`: its keys, and where events go; what is wrong in them `test_otlp_logs.py` has."""

from unittest.mock import patch

from noderouter.telemetry.telemeter.otlp_events import OtlpEventsKind
from noderouter.telemetry.tracing import otlp


def test_events_go_to_the_endpoint_and_no_request_is_looked_at() -> None:
    with patch.object(otlp, "installed", return_value=True):
        kind = OtlpEventsKind.model_validate({"kind": "io.l5d.otlpEvents", "endpoint": "http://collector:4318"})
    recorder = kind.listener()
    assert recorder.exporter._collector.url == "http://collector:4318/v1/logs"
    assert kind.observer() is None
    assert kind.sampler() is None
