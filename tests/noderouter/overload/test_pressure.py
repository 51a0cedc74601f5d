"""When shedding begins, grows and ends."""

import pytest

from noderouter.overload.pressure import ALL, LASTS_SECONDS, MOST_FOR_LAG, Pressure, Watermarks

MARKS = Watermarks(memory_high=0.9, memory_low=0.8, lag_high=1.0, lag_low=0.25)


@pytest.fixture
def pressure():
    return Pressure(MARKS)


def test_memory_has_a_high_and_a_low_watermark(pressure):
    seen = []
    for share in (0.5, 0.89, 0.9, 0.85, 0.8, 0.79, 0.85):
        pressure.look(0.0, share, 0.0)
        seen.append(pressure.quarters)
    assert seen == [0, 0, ALL, ALL, ALL, 0, 0]


def test_one_long_step_is_no_overload(pressure):
    pressure.look(0.0, 0.0, 5.0)
    pressure.look(0.25, 0.0, 0.0)
    pressure.look(2.0, 0.0, 5.0)
    pressure.look(2.25, 0.0, 0.9)
    assert pressure.quarters == 0


def test_lag_that_lasts_sheds_more_and_more_but_never_everything(pressure):
    seen = []
    for number in range(41):
        pressure.look(number * 0.25, 0.0, 1.5)
        seen.append(pressure.quarters)
    assert sorted(set(seen)) == [0, 1, 2, MOST_FOR_LAG]
    assert seen == sorted(seen)
    assert seen.index(1) * 0.25 == LASTS_SECONDS
    assert seen[-1] == MOST_FOR_LAG < ALL


def test_it_ends_step_by_step_when_all_is_well(pressure):
    for number in range(41):
        pressure.look(number * 0.25, 0.0, 1.5)
    seen = []
    for lag in (0.9, 0.3, 0.2, 0.0, 0.0, 0.0):
        pressure.look(11.0, 0.0, lag)
        seen.append(pressure.quarters)
    assert seen == [3, 3, 2, 1, 0, 0]


def test_rare_looks_are_enough(pressure):
    """Where the control plane itself lags, so does looking."""
    for number in range(6):
        pressure.look(number * 1.3, 0.0, 1.3)
    assert pressure.quarters == MOST_FOR_LAG
