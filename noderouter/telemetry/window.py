"""Turns what is kept by time, in steps: histories every ten seconds, Linkerd's windows every sixth time."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

import trio

from noderouter.core.background import Pace
from noderouter.telemetry.history import SECONDS
from noderouter.telemetry.tree import MetricsTree

WINDOW: Final = 6
"""Turns of a histogram's window: a minute, as Linkerd's."""


Turn = Callable[[], Iterator[None]]
"""Turns something else at the same pace; yields in between."""


async def turn_windows(tree: MetricsTree, *others: Turn, seconds: float = SECONDS) -> None:
    """Write a slot of every history every so many seconds, and end the windows at each sixth, until cancelled."""
    due = trio.current_time() + seconds
    turns = 0
    while True:
        await trio.sleep_until(due)
        turns += 1
        pace = Pace()
        for _ in chain(tree.turn(ends_windows=turns % WINDOW == 0), *(turn() for turn in others)):
            if pace.due():
                await pace.rest()
        due = max(due + seconds, trio.current_time())
