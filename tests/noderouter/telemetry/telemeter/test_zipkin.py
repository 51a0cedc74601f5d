"""`io.l5d.zipkin`: its keys, and where its spans go."""

import pytest
from pydantic import ValidationError

from noderouter.core.propagation.sampler import Sampler
from noderouter.telemetry.telemeter.kind import sampler_of
from noderouter.telemetry.telemeter.tracelog import TraceLogKind
from noderouter.telemetry.telemeter.zipkin import ZipkinKind
from noderouter.telemetry.tracing.recorder import SpanRecorder

KIND = "io.l5d.zipkin"


def test_spans_go_to_version_2_of_its_interface():
    for keys, url in (
        ({}, "http://localhost:9411/api/v2/spans"),
        ({"host": "zipkin.tracing", "port": 9410}, "http://zipkin.tracing:9410/api/v2/spans"),
        ({"host": "fd00::1"}, "http://[fd00::1]:9411/api/v2/spans"),
    ):
        recorder = ZipkinKind(kind=KIND, **keys).observer()
        assert isinstance(recorder, SpanRecorder)
        assert recorder.exporter._collector.url == url


def test_what_telemeters_want_is_wanted_of_all_traces():
    rare, failing = ZipkinKind(kind=KIND), ZipkinKind(kind=KIND, sampleRate=0.5, failures=True)
    assert sampler_of((rare,)) == Sampler(0.001, False)
    assert sampler_of((rare, failing, TraceLogKind(kind="io.l5d.tracelog"))) == Sampler(0.5, True)
    assert sampler_of((TraceLogKind(kind="io.l5d.tracelog"),)) is None


@pytest.mark.parametrize(
    "keys",
    [{"host": ""}, {"host": "a b"}, {"host": "a/b"}, {"host": "u@h"}, {"port": 0}, {"port": 65536}, {"sampleRate": 2}],
)
def test_what_is_no_place(keys):
    with pytest.raises(ValidationError):
        ZipkinKind(kind=KIND, **keys)
