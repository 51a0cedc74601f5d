"""Ends the histogram windows of the whole tree, once a minute, in steps."""

from typing import Final

import trio

from noderouter.core.background import Pace
from noderouter.telemetry.tree import MetricsTree

WINDOW: Final = 60.0
"""Seconds; Linkerd's."""


async def turn_windows(tree: MetricsTree, seconds: float = WINDOW) -> None:
    """End the windows every so many seconds until cancelled."""
    due = trio.current_time() + seconds
    while True:
        await trio.sleep_until(due)
        pace = Pace()
        for histogram in tree.histograms():
            histogram.roll()
            if pace.due():
                await pace.rest()
        due = max(due + seconds, trio.current_time())
