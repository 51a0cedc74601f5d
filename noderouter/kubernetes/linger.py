"""Lets a reflector run for as long as somebody needs it, and a while longer."""

from collections.abc import Callable
from typing import Any

import trio

from noderouter.kubernetes.reflector import Reflector


async def attend(reflector: Reflector[Any], needed: Callable[[], object], linger: float) -> None:
    """Run `reflector` until `needed` was false at two looks in a row, `linger` seconds apart.

    A name that comes and goes, as at the edge of a cache, so does not cost a list each time.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reflector.run, name=f"kubernetes {reflector.subject.name}")
        looks = 0
        while looks < 2:
            await trio.sleep(linger)
            looks = 0 if needed() else looks + 1
        nursery.cancel_scope.cancel()
