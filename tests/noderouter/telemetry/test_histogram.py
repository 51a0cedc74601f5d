"""Buckets, windows, totals, and how wrong a quantile may be."""

from bisect import bisect_left
from math import ceil, inf, nextafter, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.telemetry.histogram import COUNT, LATENCY, LIFETIME, QUANTILES, RATIO, Histogram, Scale
from tests.testing.examples import examples

ERROR = sqrt(RATIO) - 1
"""What the module promises."""


def filled(values: list[float], scale: Scale = LATENCY) -> Histogram:
    histogram = Histogram(scale)
    for value in values:
        histogram.add(value)
    histogram.roll()
    return histogram


def exact(values: list[float], q: float) -> float:
    """The nearest-rank quantile."""
    return sorted(values)[max(1, ceil(q * len(values))) - 1]


def test_the_promised_error_is_below_ten_per_cent() -> None:
    assert ERROR < 0.1
    assert 75 <= len(LATENCY.bounds) <= 85


@pytest.mark.parametrize("scale", [LATENCY, LIFETIME, COUNT])
def test_bounds_grow_and_every_bucket_has_a_middle_inside(scale: Scale) -> None:
    assert list(scale.bounds) == sorted(set(scale.bounds))
    assert len(scale.middles) == len(scale.bounds) + 1
    for low, middle, high in zip(scale.bounds, scale.middles[1:], scale.bounds[1:], strict=False):
        assert low < middle <= high


@pytest.mark.parametrize("scale", [LATENCY, LIFETIME, COUNT])
@examples(200)
@given(value=st.floats(0.0, 1e9) | st.just(inf))
def test_the_bucket_is_the_one_that_a_search_finds(scale: Scale, value: float) -> None:
    assert scale.bucket(value) == bisect_left(scale.bounds, value)


@pytest.mark.parametrize("scale", [LATENCY, LIFETIME, COUNT])
def test_a_bound_belongs_to_the_bucket_below_it(scale: Scale) -> None:
    for place, bound in enumerate(scale.bounds):
        assert scale.bucket(bound) == place
        assert scale.bucket(nextafter(bound, inf)) == place + 1
        assert scale.bucket(nextafter(bound, -inf)) == place


@examples(150)
@given(
    st.lists(st.floats(1e-4, 100.0), min_size=1, max_size=300),
    st.sampled_from([q for _, q in QUANTILES]),
)
def test_a_quantile_is_at_most_nine_per_cent_wrong(values: list[float], q: float) -> None:
    window = filled(values).window
    assert window is not None
    assert window.quantile(q) == pytest.approx(exact(values, q), rel=ERROR + 1e-9)


@examples(50)
@given(st.lists(st.integers(0, 16), min_size=1, max_size=100), st.sampled_from([0.5, 0.9, 0.99]))
def test_small_counts_are_exact(values: list[int], q: float) -> None:
    window = filled([float(value) for value in values], COUNT).window
    assert window is not None
    assert window.quantile(q) == exact([float(value) for value in values], q)


@examples(50)
@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=100))
def test_quantiles_stay_between_the_exact_ends_and_in_order(values: list[float]) -> None:
    window = filled(values).window
    assert window is not None
    assert (window.low, window.high) == (min(values), max(values))
    quantiles = [window.quantile(q) for _, q in QUANTILES]
    assert quantiles == sorted(quantiles)
    assert window.low <= quantiles[0] <= quantiles[-1] <= window.high


def test_nothing_is_visible_before_the_first_window_has_ended() -> None:
    histogram = Histogram()
    histogram.add(0.5)
    assert histogram.window is None
    assert (histogram.total_count, histogram.total_sum) == (1, 0.5)


def test_a_window_holds_only_its_own_values_and_totals_go_on() -> None:
    histogram = filled([0.5, 0.25])
    histogram.add(2.0)
    assert histogram.window is not None
    assert (histogram.window.count, histogram.window.sum) == (2, 0.75)
    histogram.roll()
    assert (histogram.window.count, histogram.window.low, histogram.window.high) == (1, 2.0, 2.0)
    assert (histogram.total_count, histogram.total_sum) == (3, 2.75)


def test_an_idle_window_is_empty_and_kept_while_idle() -> None:
    histogram = filled([0.5])
    histogram.roll()
    window = histogram.window
    assert window is not None
    assert (window.count, window.quantile(0.5)) == (0, 0.0)
    histogram.roll()
    assert histogram.window is window


@given(st.lists(st.floats(1e-5, 200.0)), st.lists(st.floats(1e-5, 200.0)), st.booleans())
@examples(50)
def test_absorbing_equals_adding_to_one(first: list[float], second: list[float], rolled: bool) -> None:
    one, other, whole = Histogram(), Histogram(), Histogram()
    for value in first:
        one.add(value)
        whole.add(value)
    for value in second:
        other.add(value)
        whole.add(value)
    if rolled:
        for histogram in (one, other, whole):
            histogram.roll()
    one.absorb(other)
    assert one.total_count == whole.total_count
    assert one.total_sum == pytest.approx(whole.total_sum)
    if whole.window is None:
        assert one.window is None
    else:
        assert one.window is not None
        assert one.window.counts == whole.window.counts
        assert (one.window.low, one.window.high) == (whole.window.low, whole.window.high)


def test_absorbing_takes_the_only_window_there_is() -> None:
    sum_ = Histogram()
    sum_.absorb(filled([0.5]))
    assert sum_.window is not None
    assert sum_.window.count == 1
    assert repr(sum_) == "<Histogram count=1 sum=0.5>"
