"""Waiting for a Var in the control plane, that is, in a trio task. (The data plane awaits `Var.changed`.)"""

from collections.abc import Callable
from typing import TypeVar

import trio

from noderouter.core.var import Var

T = TypeVar("T")


async def until(var: Var[T], ready: Callable[[T], bool]) -> T:
    """Hold `var` and wait until its value is `ready`; that value."""
    var.hold()
    try:
        while not ready(var.value):
            bell = trio.Event()
            with var.ringing(bell):
                await bell.wait()
        return var.value
    finally:
        var.release()
