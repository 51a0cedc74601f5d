"""Slots, what is drawn of them, and the minute that is computed from buckets."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.telemetry.histogram import LATENCY, RATIO, Histogram
from noderouter.telemetry.history import EMPTY, RECENT, SECONDS, SLOTS, History, Slot, merged, slot_between


def slot_of(*seconds: float, failures: int = 0) -> Slot:
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    slot = slot_between(histogram.counts, None, histogram.low, histogram.high)
    slot.requests, slot.failures = len(seconds), failures
    return slot


def test_a_new_history_is_empty() -> None:
    history = History()
    lines = history.lines()
    assert lines.requests == lines.failures == [0] * SLOTS
    assert lines.p50 == lines.p95 == lines.p99 == [None] * SLOTS
    window = history.last()
    assert (window.seconds, window.requests, window.rate, window.success, window.p99) == (0.0, 0, 0.0, None, None)


def test_lines_are_the_oldest_first_and_the_oldest_leaves() -> None:
    history = History()
    for n in range(1, SLOTS + 4):
        history.write(slot_of(*[n / 1000] * n, failures=n // 2))
        assert history.lines().requests[-1] == n
    lines = history.lines()
    assert lines.requests == list(range(4, SLOTS + 4))
    assert lines.failures == [n // 2 for n in range(4, SLOTS + 4)]
    assert lines.p50 == pytest.approx([float(n) for n in range(4, SLOTS + 4)])
    assert repr(history) == f"<History turns=63 requests={sum(lines.requests)} failures={sum(lines.failures)}>"


def test_a_slot_without_requests_has_no_percentiles() -> None:
    history = History()
    history.write(slot_of(0.25))
    history.write(EMPTY)
    assert history.lines().p95[-2:] == [250.0, None]


def test_the_last_minute_is_six_slots() -> None:
    history = History()
    history.write(slot_of(50.0))  # seven slots ago: gone
    for n in range(RECENT):
        history.write(slot_of(0.1, 0.2, failures=n % 2))
    window = history.last()
    assert (window.seconds, window.requests, window.failures) == (60.0, 12, 3)
    assert (window.rate, window.success) == (0.2, 0.75)
    assert window.p99 == 200.0
    assert history.last(10).requests == 2
    assert history.last(15).seconds == 2 * SECONDS
    for seconds in (0, 60.1):
        with pytest.raises(ValueError, match="between 10 and 60 seconds are kept exactly"):
            history.last(seconds)


def test_a_young_history_says_how_much_it_covers() -> None:
    history = History()
    history.write(slot_of(0.1, 0.1))
    window = history.last()
    assert (window.seconds, window.rate) == (SECONDS, 0.2)


def test_percentiles_of_a_minute_are_not_those_of_its_slots_averaged() -> None:
    history = History()
    history.write(slot_of(10.0))
    history.write(slot_of(*[0.01] * 99))
    assert history.last().p95 == pytest.approx(10.0, rel=0.1)  # milliseconds: one slow request in a hundred
    assert history.last().p99 == pytest.approx(10.0, rel=0.1)


@given(st.lists(st.lists(st.floats(1e-4, 100), max_size=30), min_size=1, max_size=RECENT))
def test_the_merged_minute_says_what_one_histogram_of_it_says(slots: list[list[float]]) -> None:
    history = History()
    for values in slots:
        history.write(slot_of(*values))
    together = sorted(value for values in slots for value in values)
    window = history.last()
    assert window.requests == len(together)
    for share, found in ((0.5, window.p50), (0.95, window.p95), (0.99, window.p99)):
        if not together:
            assert found is None
            continue
        exact = together[max(1, -int(-share * len(together) // 1)) - 1] * LATENCY.factor
        assert found is not None
        assert exact / RATIO**0.51 <= found <= exact * RATIO**0.51 or exact < LATENCY.bounds[0] * LATENCY.factor * 2


def test_differences_of_one_histogram_add_up_to_it() -> None:
    rng = random.Random(13)
    histogram = Histogram()
    snapshots, slots = [histogram.counts.copy()], []
    for _ in range(5):
        for _ in range(rng.randrange(20)):
            histogram.add(rng.expovariate(5))
        snapshots.append(histogram.counts.copy())
    for before, after in pairwise(snapshots):
        slot = slot_between(after, before, histogram.low, histogram.high)
        slot.requests = sum(slot.buckets[1::2])
        slots.append(slot)
    assert dict(merged(slots).pairs()) == {place: n for place, n in enumerate(histogram.counts) if n}


def test_the_only_busy_slot_is_its_own_sum() -> None:
    busy = slot_of(0.1)
    assert merged([EMPTY, busy, EMPTY]) is busy
    assert merged([]) is EMPTY
    assert repr(busy) == "<Slot requests=1 failures=0>"


def test_an_endless_latency_is_as_long_as_it_was() -> None:
    history = History()
    history.write(slot_of(5000.0))
    assert history.lines().p99[-1] == 5_000_000.0
