"""The limit that follows latency: simulated endpoints whose capacity is known, and what strangers could do to it."""

from collections.abc import Callable
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.limit.gradient import MOST_SAMPLES, Gradient
from tests.noderouter.proxy.limit.endpoint_model import EndpointModel
from tests.testing.examples import examples


def even(seconds: float) -> Callable[[Random], float]:
    return lambda rng: seconds * rng.uniform(0.9, 1.1)


def random(seconds: float) -> Callable[[Random], float]:
    return lambda rng: rng.expovariate(1 / seconds)


@pytest.mark.parametrize("service", [even, random])
@pytest.mark.parametrize("workers", [10, 40, 150])
def test_it_finds_the_capacity(workers, service):
    model = EndpointModel(Gradient(4, 1000), Random(1))
    found = model.run(30, workers, service(0.01))
    assert workers <= median(found) <= 2 * workers


@examples(20)
@given(
    workers=st.integers(8, 100),
    seconds=st.sampled_from([0.005, 0.05, 0.3]),
    seed=st.integers(0, 1000),
)
def test_it_finds_any_capacity(workers, seconds, seed):
    model = EndpointModel(Gradient(4, 1000), Random(seed))
    found = model.run(max(20.0, 300 * seconds), workers, even(seconds))
    assert 0.8 * workers <= median(found) <= 2 * workers + 8


def test_it_follows_an_endpoint_that_changes():
    model = EndpointModel(Gradient(4, 1000), Random(1))
    model.run(30, 60, even(0.01))
    assert 15 <= median(model.run(90, 20, even(0.01))) <= 40  # two thirds of its workers are gone
    assert 60 <= median(model.run(90, 60, even(0.01))) <= 120  # and back
    assert 60 <= median(model.run(120, 60, even(0.03))) <= 120  # each takes longer, of as many


def test_it_does_not_grow_while_little_of_it_is_used():
    model = EndpointModel(Gradient(4, 1000), Random(1))
    assert set(model.run(20, 50, even(0.01), demand=8)) <= {5, 20}  # 5: where it is measured


def test_an_endpoint_that_answers_whatever_comes_is_limited_by_the_configuration():
    model = EndpointModel(Gradient(4, 50), Random(1))
    assert max(model.run(20, 10_000, even(0.01))) == 50


def test_its_ends():
    assert Gradient(4, 1000).limit == 20
    assert Gradient(4, 10).limit == 10
    assert Gradient(30, 1000).limit == 30
    model = EndpointModel(Gradient(15, 30), Random(1))
    assert {*model.run(60, 1, even(0.01)), *model.limits} <= set(range(15, 31))


def test_a_few_of_a_window_move_nothing():
    """Whoever has some requests answered at once, or late, is one voice among many."""
    calm, noisy = Gradient(4, 1000), Gradient(4, 1000)
    rng = Random(1)
    for number in range(20_000):
        now = 1000 + number / 1000
        latency = 0.01 * rng.uniform(0.99, 1.01)
        calm.add(latency, 15, now)
        noisy.add(rng.choice([0.0, 10.0]) if number % 5 == 0 else latency, 15, now)
    assert abs(noisy.limit - calm.limit) <= 0.25 * calm.limit
    assert 0.009 < noisy.base < 0.011


@examples(200)
@given(
    ends=st.tuples(st.integers(1, 50), st.integers(0, 500)),
    steps=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 600), st.floats(0, 10)), max_size=200),
)
def test_whatever_comes_it_stays_within_its_ends_and_keeps_little(ends, steps):
    at_least, most = ends[0], ends[0] + ends[1]
    gradient = Gradient(at_least, most)
    now = 1000.0
    for latency, active, passed in steps:
        now += passed
        gradient.add(latency, active, now)
        assert at_least <= gradient.limit <= most
        assert len(gradient._samples) <= MOST_SAMPLES
