"""The minute's window."""

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


async def test_others_get_a_turn_in_between(
    autojump_clock: MockClock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = MetricsTree()
    histograms = [tree.histogram(name) for name in ("a", "b")]
    rests: list[int] = []

    async def rest(_pace: Pace) -> None:
        rests.append(sum(histogram.window is not None for histogram in histograms))

    monkeypatch.setattr(Pace, "due", lambda _pace: True)
    monkeypatch.setattr(Pace, "rest", rest)
    nursery.start_soon(turn_windows, tree)
    await trio.sleep(60.5)
    assert rests == [1, 2]
    nursery.cancel_scope.cancel()
