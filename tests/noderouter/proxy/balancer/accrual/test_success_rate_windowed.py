"""The share of successes in the last seconds."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.accrual.success_rate_windowed import SuccessRateWindowedKind
from noderouter.schema.kind import kind_field

FIELD = kind_field(AccrualKind, "noderouter.proxy.balancer.accrual")


def build(rate, window):
    keys = {"kind": "io.l5d.successRateWindowed", "successRate": rate, "window": window}
    return FIELD.validate(keys).build(Random(1))()


@given(st.lists(st.booleans(), max_size=40), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_trips_as_defined_within_one_window(reports, rate):
    accrual = build(rate, 10)
    for seen, ok in enumerate(reports, 1):
        accrual.success(10.0) if ok else accrual.failure(10.0)
        trips = not ok and seen >= 5 and sum(reports[:seen]) < rate * seen
        assert accrual.available(10.0) is not trips
        if trips:
            return


def test_forgets_what_is_older_than_the_window():
    accrual = build(0.5, 10)
    for _ in range(100):
        accrual.success(10.0)
    for _ in range(4):
        accrual.failure(21.0)
    assert accrual.available(21.0), "four requests say nothing"
    accrual.failure(21.0)
    assert not accrual.available(21.0), "the old successes are forgotten"


def test_begins_anew_after_a_revival():
    accrual = build(0.5, 10)
    for _ in range(5):
        accrual.failure(10.0)
    accrual.probe(15.0)
    accrual.success(15.0)
    for _ in range(4):
        accrual.failure(15.0)
    assert accrual.available(15.0)


@pytest.mark.parametrize("window", [0, -1, 10**9])
def test_refuses(window):
    with pytest.raises(ValueError, match="window"):
        SuccessRateWindowedKind(successRate=0.5, window=window)
