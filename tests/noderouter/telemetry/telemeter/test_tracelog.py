import pytest
from pydantic import ValidationError

from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.telemeter.tracelog import TraceLogKind

KIND = "io.l5d.tracelog"


def test_it_sees_everything_unless_it_is_told_otherwise():
    seen = TraceLogKind(kind=KIND).observer()
    assert (seen.limit, seen.heeds) == (sample_limit(1.0), True)
    assert TraceLogKind(kind=KIND, sampleRate=0.5, level="warning").level == "WARNING"


@pytest.mark.parametrize("keys", [{"sampleRate": 1.5}, {"level": "OFF"}, {"level": 5}])
def test_what_is_no_rate_or_no_level(keys):
    with pytest.raises(ValidationError):
        TraceLogKind(kind=KIND, **keys)
