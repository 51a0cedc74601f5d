"""The minute's window."""

import trio
from trio.testing import MockClock

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
