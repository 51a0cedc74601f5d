import pytest
from pydantic import ValidationError

from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.telemeter.recent_requests import RecentRequestsKind

KIND = "io.l5d.recentRequests"


def test_it_sees_its_share():
    seen = RecentRequestsKind(kind=KIND, sampleRate=0.25).observer()
    assert (seen.limit, seen.heeds) == (sample_limit(0.25), False)
    assert RecentRequestsKind(kind=KIND, sampleRate=1).capacity == 10


@pytest.mark.parametrize("rate", [-0.1, 1.1, 2])
def test_the_rate_is_a_share(rate):
    with pytest.raises(ValidationError, match=r"sampleRate must be between 0\.0 and 1\.0"):
        RecentRequestsKind(kind=KIND, sampleRate=rate)


@pytest.mark.parametrize("keys", [{}, {"sampleRate": "1"}, {"sampleRate": True}, {"sampleRate": 1, "capacity": 0}])
def test_what_is_no_rate_or_no_capacity(keys):
    with pytest.raises(ValidationError):
        RecentRequestsKind(kind=KIND, **keys)
