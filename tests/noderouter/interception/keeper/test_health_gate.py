"""When the switch is renewed, and why not."""

from dataclasses import replace

import pytest

from noderouter.interception.keeper.health_gate import judge
from tests.testing.intercept_state import GOOD


def test_good():
    assert judge(GOOD) == ""
    assert judge(replace(GOOD, probe_age_ms=1999)) == ""
    assert judge(replace(GOOD, accept_queue=0, accept_backlog=0)) == ""


def test_load_is_not_held_against_a_router_that_makes_progress():
    """Anybody can make it lag, and then everybody's connections would go past it."""
    assert judge(replace(GOOD, reactor_lag_ms=1900)) == ""
    assert judge(replace(GOOD, accept_queue=4096)) == ""
    assert judge(replace(GOOD, reactor_lag_ms=1200, accept_queue=4000, probe_ms=3600, probe_age_ms=1900)) == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"not_ready": "services are not listed yet"}, "not ready: services"),
        ({"probe_age_ms": 2000}, "2000 ms ago"),
        ({"probe_age_ms": 9000, "reactor_lag_ms": 1}, "no progress"),
    ],
)
def test_not_good_enough(wrong, words):
    assert words in judge(replace(GOOD, **wrong))
