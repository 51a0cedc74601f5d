"""Latencies and rates of many routers are those of one that had all of the requests."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as some

from noderouter.admin.mesh.sums import BUCKETS, LANE, LANE_MOST, NODES, Sums, is_histogram, packed, stats_of, unpacked
from noderouter.telemetry.history import History, Slot
from noderouter.telemetry.metrics import RequestStats

requests = some.lists(some.tuples(some.floats(1e-5, 200), some.booleans()), max_size=30)
"""Of one router in one slot: seconds, and whether it succeeded."""
routers = some.lists(some.lists(requests, min_size=1, max_size=8), min_size=1, max_size=6)


def counted(slots: list[list[tuple[float, bool]]]) -> History | None:
    """The history of a router that has had these."""
    stats = RequestStats()
    history = None
    for slot in slots:
        for seconds, good in slot:
            stats.answered(200, seconds, good)
        written = stats.slot()
        if history is None and not written.requests:
            continue
        history = history or History()
        history.write(written)
    return history


@given(routers, some.randoms())
def test_sums_are_exact_in_any_order(nodes, random):
    stats = [stats_of(counted(slots)) for slots in nodes]
    one, other, halves = Sums(), Sums(), (Sums(), Sums())
    for number, each in enumerate(stats):
        one.add(each)
        halves[number % 2].add(each)
    random.shuffle(stats)
    for each in stats:
        other.add(each)
    both = Sums()
    for half in halves:
        both.add(half.stats())
    assert one.stats() == other.stats() == both.stats()


@given(some.lists(requests, min_size=1, max_size=6))
def test_the_sum_is_what_one_router_would_say(nodes):
    """Each had one slot; so had the one that had all of it."""
    sums, whole = Sums(), [each for node in nodes for each in node]
    for node in nodes:
        sums.add(stats_of(counted([node])))
    figures, history = sums.figures(), counted([whole])
    assert (figures.requests, figures.failures) == (len(whole), sum(not good for _, good in whole))
    if history is not None:
        last = history.last()
        assert isclose(figures.rate, last.rate)
        assert (figures.p50, figures.p95, figures.p99) == (last.p50, last.p95, last.p99)


@given(some.dictionaries(some.integers(0, BUCKETS - 1), some.integers(1, LANE_MOST)))
def test_a_histogram_comes_back_from_its_number(counts):
    number = packed(counts.items())
    assert is_histogram(number)
    assert {bucket: count for bucket, count in enumerate(unpacked(number)) if count} == counts


def test_no_lane_reaches_the_next_however_many_say_the_most() -> None:
    number = packed((bucket, LANE_MOST) for bucket in range(BUCKETS))
    assert is_histogram(number)
    assert set(unpacked(NODES * number)) == {NODES * LANE_MOST}


@pytest.mark.parametrize("number", [1 << (LANE * BUCKETS), (LANE_MOST + 1) << LANE, 1 << (LANE - 1)])
def test_what_no_router_says_is_no_histogram(number: int) -> None:
    assert not is_histogram(number)


@pytest.mark.parametrize("slots", range(1, 8))
def test_a_rate_is_whole_as_a_pace(slots: int) -> None:
    history = History()
    for _ in range(slots):
        history.write(Slot(7, 1, low=0.1, high=0.2))
    requests, failures, pace, *_ = stats_of(history)
    assert (requests, failures, pace) == (7 * min(6, slots), min(6, slots), 420)


def test_nothing_is_nothing() -> None:
    sums = Sums()
    sums.add(stats_of(None))
    assert (sums.figures().rate, sums.figures().p99, sums.stats()[3:]) == (0.0, None, (0.0, 0.0, 0))
