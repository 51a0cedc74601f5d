"""`io.l5d.otlpLogs`: its keys, and where the lines go."""

from unittest.mock import patch

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.telemetry.telemeter.otlp_logs import OtlpLogsKind
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.log_recorder import LogRecorder

FILE = "routers: [{protocol: http, servers: [{port: 4140}]}]\ntelemetry: [{kind: io.l5d.%s, %s}]\n"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [("http://collector:4318", "http://collector:4318/v1/logs"), ("https://collector/logs", "https://collector/logs")],
)
def test_lines_go_to_the_endpoint_and_nobody_is_asked_for_spans(endpoint: str, url: str) -> None:
    with patch.object(otlp, "installed", return_value=True):
        kind = OtlpLogsKind.model_validate({"kind": "io.l5d.otlpLogs", "endpoint": endpoint})
    recorder = kind.observer()
    assert isinstance(recorder, LogRecorder)
    assert recorder.exporter._collector.url == url
    assert kind.sampler() is None


@pytest.mark.parametrize(
    ("kind", "keys", "installed", "words"),
    [
        ("otlpLogs", "sampleRate: 1.0", True, "endpoint"),
        ("otlpLogs", "endpoint: 'collector:4318'", True, "must be a URL of http or https"),
        ("otlpLogs", "endpoint: 'http://a', sampleRate: 2", True, "between 0.0 and 1.0"),
        ("otlpLogs", "endpoint: 'http://a', failures: true", True, "unknown key"),
        ("otlpLogs", "endpoint: 'http://a', headers: {x: a}, headerFiles: {X: /a}", True, "both have X"),
        ("otlpLogs", "endpoint: 'http://a'", False, "pip install 'noderouter[tracing]'"),
        ("otlpEvents", "serviceName: mesh", True, "endpoint"),
        ("otlpEvents", "endpoint: 'http://a', sampleRate: 0.5", True, "unknown key"),
        ("otlpEvents", "endpoint: 'http://a'", False, "pip install 'noderouter[tracing]'"),
    ],
)
def test_what_is_wrong_is_said(kind: str, keys: str, installed: bool, words: str) -> None:
    with patch.object(otlp, "installed", return_value=installed):
        found = validate_text(FILE % (kind, keys))
    assert not isinstance(found, Config)
    (problem,) = found
    assert words in str(problem)
