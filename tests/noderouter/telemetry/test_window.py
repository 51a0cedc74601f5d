"""The minute's windows, and the slots of ten seconds between their ends."""

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from noderouter.core.background import Pace
from noderouter.telemetry.tree import MetricsTree
from noderouter.telemetry.window import turn_windows


async def test_windows_end_every_minute(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    tree = MetricsTree()
    histogram = tree.histogram("a")
    histogram.add(1.0)
    nursery.start_soon(turn_windows, tree)
    await trio.sleep(59.9)
    assert histogram.window is None
    await trio.sleep(0.2)
    assert histogram.window is not None
    assert histogram.window.count == 1
    await trio.sleep(60)
    assert histogram.window.count == 0
    nursery.cancel_scope.cancel()


async def test_histories_get_a_slot_each_ten_seconds(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    tree = MetricsTree()
    stats = tree.scope("rt", "out", "service", "svc/a").requests()
    nursery.start_soon(turn_windows, tree)
    for n in range(8):
        for _ in range(n + 1):
            stats.answered(200, 0.01, True)
        await trio.sleep(10.1 if n == 0 else 10)
    assert stats.history is not None
    assert stats.history.lines().requests[-9:] == [0, *range(1, 9)]
    assert stats.history.last().requests == sum(range(3, 9))
    nursery.cancel_scope.cancel()


async def test_others_are_turned_at_the_same_pace(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns = 0

    def turn() -> Iterator[None]:
        nonlocal turns
        turns += 1
        yield

    nursery.start_soon(turn_windows, MetricsTree(), turn)
    await trio.sleep(35)
    assert turns == 3
    nursery.cancel_scope.cancel()


async def test_others_get_a_turn_in_between(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = MetricsTree()
    histograms = [tree.histogram(name) for name in ("a", "b")]
    rests: set[int] = set()

    async def rest(_pace: Pace) -> None:
        rests.add(sum(histogram.window is not None for histogram in histograms))

    monkeypatch.setattr(Pace, "due", lambda _pace: True)
    monkeypatch.setattr(Pace, "rest", rest)
    nursery.start_soon(turn_windows, tree)
    await trio.sleep(60.5)
    assert rests == {0, 1, 2}
    nursery.cancel_scope.cancel()
