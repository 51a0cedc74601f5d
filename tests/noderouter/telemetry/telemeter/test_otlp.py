"""`io.l5d.otlp`: its keys, and what is said where they, or the package, are wrong."""

from unittest.mock import patch

import pytest

from noderouter import __version__
from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.telemetry.telemeter.otlp import OtlpKind
from noderouter.telemetry.tracing import otlp
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tracing.target import resource

FILE = """
routers: [{protocol: http, servers: [{port: 4140}]}]
telemetry: [{kind: io.l5d.otlp, %s}]
"""


def said(keys: str) -> str:
    """The one thing that is wrong."""
    with patch.object(otlp, "installed", return_value=True):
        found = validate_text(FILE % keys)
    assert not isinstance(found, Config)
    (problem,) = found
    return str(problem)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector/", "https://collector/v1/traces"),
        ("http://collector:4318/otlp/traces", "http://collector:4318/otlp/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_spans_go_to_the_endpoint(endpoint, url):
    with patch.object(otlp, "installed", return_value=True):
        kind = OtlpKind(kind="io.l5d.otlp", endpoint=endpoint, headers={"x-key": "1"})
    recorder = kind.observer()
    assert isinstance(recorder, SpanRecorder)
    assert recorder.exporter._collector.url == url
    assert recorder.sampler.rate == 0.01


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("sampleRate: 1.0", "endpoint"),
        ("endpoint: 'collector:4318'", "must be a URL of http or https"),
        ("endpoint: 'grpc://collector:4317'", "must be a URL of http or https"),
        ("endpoint: 'http://'", "must be a URL of http or https"),
        ("endpoint: 'http://a:b'", "not a URL"),
        ("endpoint: 'http://user:pw@a'", "goes into `headers`"),
        ("endpoint: 'http://a?key=1'", "goes into `headers`"),
        ("endpoint: 'http://a b'", "nothing but scheme, host, port and path"),
        ("endpoint: 'http://a', headers: {'x y': '1'}", "headers"),
        ("endpoint: 'http://a', headers: {x: \"1\\r\\ny: 2\"}", "printable ASCII"),
        ("endpoint: 'http://a', protocol: grpc", "unknown key"),
        ("endpoint: 'http://a', headerFiles: {x-key: key}", "must be the path of a file"),
        ("endpoint: 'http://a', headers: {X-Key: a}, headerFiles: {x-key: /key}", "both have x-key"),
    ],
)
def test_what_is_wrong_is_said(keys, words):
    assert words in said(keys)


def test_without_its_package_it_says_how_to_get_it():
    with patch.object(otlp, "installed", return_value=False):
        found = validate_text(FILE % "endpoint: 'http://a'")
    assert not isinstance(found, Config)
    assert "pip install 'noderouter[tracing]'" in str(found[0])


def test_spans_say_whose_they_are():
    assert resource("mesh", {"NODE_NAME": "n1", "POD_IP": ""}) == {
        "service.name": "mesh",
        "service.version": __version__,
        "k8s.node.name": "n1",
    }
