"""The moving average over requests, against its definition."""

from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.accrual.success_rate import SuccessRateKind
from noderouter.schema.kind import kind_field

FIELD = kind_field(AccrualKind, "noderouter.proxy.balancer.accrual")


def build(rate, requests):
    keys = {"kind": "io.l5d.successRate", "successRate": rate, "requests": requests}
    return FIELD.validate(keys).build(Random(1))()


def average(reports, requests):
    """The first report is the average; each later one moves it by the same share."""
    fade = exp(-1 / requests)
    value = float(reports[0])
    for ok in reports[1:]:
        value = value * fade + ok * (1 - fade)
    return value


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 20), st.floats(0.05, 0.95))
def test_trips_as_defined(reports, requests, rate):
    accrual = build(rate, requests)
    for seen, ok in enumerate(reports, 1):
        accrual.success(10.0) if ok else accrual.failure(10.0)
        value = average(reports[:seen], requests)
        if abs(value - rate) < 1e-9:
            return
        trips = not ok and seen >= requests and value < rate
        assert accrual.available(10.0) is not trips
        if trips:
            return


def test_says_nothing_before_enough_requests():
    accrual = build(0.9, 10)
    for _ in range(9):
        accrual.failure(10.0)
    assert accrual.available(10.0)
    accrual.failure(10.0)
    assert not accrual.available(10.0)


def test_begins_anew_after_a_revival():
    accrual = build(0.5, 2)
    accrual.failure(10.0)
    accrual.failure(10.0)
    accrual.probe(15.0)
    accrual.success(15.0)
    assert accrual.revivals == 1
    accrual.failure(15.0)
    assert accrual.available(15.0)


@pytest.mark.parametrize(
    "keys",
    [
        {"successRate": 1.1, "requests": 5},
        {"successRate": -0.1, "requests": 5},
        {"successRate": 0.5, "requests": 0},
        {"successRate": 0.5},
        {"requests": 5},
    ],
)
def test_refuses(keys):
    with pytest.raises(ValueError, match=r"successRate|requests"):
        SuccessRateKind(**keys)
