"""When the switch is renewed, and why not."""

from dataclasses import replace

import pytest

from noderouter.intercept.progress import judge
from tests.testing.intercept_state import GOOD


def test_good():
    assert judge(GOOD) == ""
    assert judge(replace(GOOD, reactor_lag_ms=999, accept_queue=2047, probe_ms=499, probe_age_ms=1999)) == ""
    assert judge(replace(GOOD, accept_queue=0, accept_backlog=0)) == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"not_ready": "services are not listed yet"}, "not ready: services"),
        ({"reactor_lag_ms": 1000}, "lags 1000 ms"),
        ({"accept_queue": 2048}, "2048 connections wait"),
        ({"probe_ms": 500}, "took 500 ms"),
        ({"probe_age_ms": 2000}, "2000 ms ago"),
    ],
)
def test_not_good_enough(wrong, words):
    assert words in judge(replace(GOOD, **wrong))
