"""Failures in a row."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.balancer.accrual.consecutive_failures import ConsecutiveFailuresKind
from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.schema.kind import kind_field

FIELD = kind_field(AccrualKind, "noderouter.proxy.balancer.accrual", "io.l5d.consecutiveFailures")


@given(st.integers(1, 6), st.lists(st.booleans(), max_size=40))
def test_trips_at_the_first_run_that_is_long_enough(failures, reports):
    accrual = ConsecutiveFailuresKind(failures=failures).build(Random(1))()
    row = 0
    for ok in reports:
        row = 0 if ok else row + 1
        accrual.success(10.0) if ok else accrual.failure(10.0)
        assert accrual.available(10.0) is (row < failures)
        if row == failures:
            break


def test_the_default_is_five_in_a_row_and_five_seconds():
    accrual = FIELD.validate({}).build(Random(1))()
    for _ in range(4):
        accrual.failure(100.0)
    assert accrual.available(100.0)
    accrual.failure(100.0)
    assert accrual.opens_at == 105.0


def test_counts_anew_after_a_revival():
    accrual = FIELD.validate({"kind": "io.l5d.consecutiveFailures", "failures": 2}).build(Random(1))()
    for _ in range(2):
        accrual.failure(100.0)
    accrual.probe(105.0)
    accrual.success(105.0)
    accrual.failure(106.0)
    assert accrual.available(106.0)


def test_a_forced_revival_counts_anew_too():
    accrual = ConsecutiveFailuresKind(failures=2).build(Random(1))()
    for _ in range(2):
        accrual.failure(100.0)
    accrual.probe(100.0)
    accrual.success(100.0)
    accrual.failure(100.0)
    assert accrual.available(100.0)


@pytest.mark.parametrize("failures", [0, -1, 1.5, "5"])
def test_refuses(failures):
    with pytest.raises(ValueError, match="failures"):
        FIELD.validate({"kind": "io.l5d.consecutiveFailures", "failures": failures})
