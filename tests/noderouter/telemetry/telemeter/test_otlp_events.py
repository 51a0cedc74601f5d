"""`io.l5d.otlpEvents`: its keys, and where events go; what else is wrong in them `test_otlp_logs.py` has."""

from unittest.mock import patch

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.telemetry.telemeter.otlp_events import OtlpEventsKind
from noderouter.telemetry.tracing import otlp

FILE = "routers: [{protocol: http, servers: [{port: 4140}]}]\ntelemetry: [{kind: io.l5d.otlpEvents, %s}]\n"


def test_events_go_to_the_endpoint_and_no_request_is_looked_at() -> None:
    with patch.object(otlp, "installed", return_value=True):
        kind = OtlpEventsKind.model_validate({"kind": "io.l5d.otlpEvents", "endpoint": "http://collector:4318"})
    recorder = kind.listener()
    assert recorder.exporter._collector.url == "http://collector:4318/v1/logs"
    assert kind.observer() is None
    assert kind.sampler() is None


@pytest.mark.parametrize(
    ("keys", "installed", "words"),
    [
        ("serviceName: mesh", True, "endpoint"),
        ("endpoint: 'http://a', sampleRate: 0.5", True, "unknown key"),
        ("endpoint: 'http://a'", False, "pip install 'noderouter[tracing]'"),
    ],
)
def test_what_is_wrong_is_said(keys: str, installed: bool, words: str) -> None:
    with patch.object(otlp, "installed", return_value=installed):
        found = validate_text(FILE % keys)
    assert not isinstance(found, Config)
    (problem,) = found
    assert words in str(problem)
