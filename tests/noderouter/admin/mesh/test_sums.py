"""Latencies and rates of many routers are those of one that had all of the requests."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as some

from noderouter.admin.mesh.sums import (
    BUCKET_MOST,
    BUCKETS,
    LANE,
    MAY_STATS,
    MOST,
    NODES,
    STATS,
    figures_of,
    joined,
    packed,
    split,
    stats_of,
    unpacked,
)  # fmt: skip
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
    assert all(each | MAY_STATS == MAY_STATS for each in stats)
    whole = figures_of(sum(stats))
    random.shuffle(stats)
    half = len(stats) // 2
    assert figures_of(sum(stats[:half]) + sum(stats[half:])) == whole
    assert whole.requests == sum(figures_of(each).requests for each in stats)
    assert isclose(whole.rate, sum(figures_of(each).rate for each in stats))


@given(some.lists(requests, min_size=1, max_size=6))
def test_the_sum_is_what_one_router_would_say(nodes):
    """Each had one slot; so had the one that had all of it. Extremes are not told: a percentile is its bucket's."""
    whole = [each for node in nodes for each in node]
    figures, history = figures_of(sum(stats_of(counted([node])) for node in nodes)), counted([whole])
    assert (figures.requests, figures.failures) == (len(whole), sum(not good for _, good in whole))
    assert figures == figures_of(stats_of(history))
    if history is not None:
        last = history.last()
        assert isclose(figures.rate, last.rate)
        for mine, theirs in ((figures.p50, last.p50), (figures.p95, last.p95), (figures.p99, last.p99)):
            assert mine is not None
            assert theirs is not None
            assert theirs / 1.2 < mine < theirs * 1.2 or theirs <= 0.11 or theirs >= 1e5


@given(
    some.dictionaries(some.integers(0, BUCKETS - 1), some.integers(1, BUCKET_MOST)),
    some.lists(some.integers(0, MOST), max_size=7),
)
def test_everything_comes_back_from_its_number(buckets, counts):
    number = packed(buckets.items()) + joined(counts)
    assert number | MAY_STATS == MAY_STATS
    assert {bucket: count for bucket, count in enumerate(unpacked(number)) if count} == buckets
    assert split(number, len(counts)) == counts


def test_no_lane_reaches_the_next_however_many_say_the_most() -> None:
    whole = NODES * MAY_STATS
    assert set(unpacked(whole)) == {NODES * BUCKET_MOST}
    assert set(split(whole, len(STATS))) == {NODES * MOST}


def test_more_than_the_most_is_the_most() -> None:
    assert packed([(5, BUCKET_MOST + 1)]) == packed([(5, BUCKET_MOST)])
    assert split(joined([MOST + 1, 2]), 2) == [MOST, 2]
    assert (1 << (LANE - 1)) | MAY_STATS != MAY_STATS


@pytest.mark.parametrize("slots", range(1, 8))
def test_a_rate_is_whole_as_a_pace(slots: int) -> None:
    history = History()
    for _ in range(slots):
        history.write(Slot(7, 1, low=0.1, high=0.2))
    assert split(stats_of(history), 3) == [7 * min(6, slots), min(6, slots), 420]


def test_nothing_is_nothing() -> None:
    figures = figures_of(stats_of(None))
    assert (figures.rate, figures.success, figures.p99) == (0.0, None, None)
