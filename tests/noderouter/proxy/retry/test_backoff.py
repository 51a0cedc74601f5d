"""Backoffs: their first pauses, their bounds, and what the configuration may say."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from noderouter.proxy.retry.backoff import BackoffKind, ConstantKind, Decorrelated, EqualJittered, JitteredKind
from noderouter.schema.kind import kind_field

FIELD = kind_field(BackoffKind, "noderouter.proxy.retry")


def test_constant_never_changes():
    backoff = FIELD.validate({"kind": "constant", "ms": 1500}).build(Random(1))
    assert [backoff.next() for _ in range(3)] == [1.5] * 3
    backoff.reset()
    assert backoff.next() == 1.5


def test_constant_without_ms_is_no_pause():
    assert ConstantKind().build(Random(1)).next() == 0.0


@given(st.integers(0, 1000), st.floats(0.001, 10), st.floats(1, 1000))
def test_decorrelated_stays_between_the_first_and_three_times_the_previous(seed, first, factor):
    limit = first * factor
    backoff = Decorrelated(first, limit, Random(seed))
    for _ in range(3):
        previous = backoff.next()
        assert previous == first
        for _ in range(20):
            pause = backoff.next()
            assert first <= pause <= max(first, min(limit, 3 * previous))
            previous = pause
        backoff.reset()


@given(st.integers(0, 1000))
def test_equal_jittered_doubles_its_range_up_to_the_limit(seed):
    backoff = EqualJittered(5.0, 300.0, Random(seed))
    for _ in range(2):
        assert backoff.next() == 5.0
        low = 5.0
        for _ in range(12):
            assert min(low, 300.0) <= backoff.next() <= min(2 * low, 300.0)
            low = min(2 * low, 300.0)
        backoff.reset()


def test_jitter_differs_between_two_users():
    rng = Random(1)
    kind = JitteredKind(minMs=1000, maxMs=60_000)
    one, other = kind.build(rng), kind.build(rng)
    assert [one.next() for _ in range(5)] != [other.next() for _ in range(5)]


def test_equal_jittered_has_a_kind_of_its_own():
    backoff = FIELD.validate({"kind": "equalJittered", "minMs": 100, "maxMs": 200}).build(Random(1))
    assert isinstance(backoff, EqualJittered)
    assert backoff.next() == 0.1


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"kind": "constant", "ms": -1}, "greater than or equal to 0"),
        ({"kind": "constant", "ms": 10**12}, "less than or equal to"),
        ({"kind": "jittered", "minMs": 0, "maxMs": 5}, "greater than or equal to 1"),
        ({"kind": "jittered", "minMs": 10, "maxMs": 5}, r"minMs \(10\) is larger than maxMs \(5\)"),
        ({"kind": "jittered", "minMs": 10}, "maxMs"),
        ({"kind": "exponential"}, "unknown backoff kind"),
    ],
)
def test_refuses(keys, text):
    with pytest.raises(ValidationError, match=text):
        FIELD.validate(keys)
