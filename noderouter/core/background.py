"""What tasks of the control plane need of the thread that they share with the data plane.

Somewhere to run, the log, waiting for a Var (the data plane awaits `Var.changed` instead), and going through much in
short steps:

    pace = Pace()
    for item in many:
        ...
        if pace.due():
            await pace.rest()

What cannot be done in steps is done `aside`.
"""

import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

import trio

from noderouter.core.var import Var

T = TypeVar("T")

STEP: Final = 0.001
"""Seconds of work between two rests: what a request may have to wait for an admin request."""


class StartSoon(Protocol):
    """Starts a background task; `trio.Nursery.start_soon` is one."""

    def __call__(self, async_fn: Callable[..., Awaitable[Any]], /, *args: Any, name: object = None) -> None:
        """Start `async_fn(*args)`; it ends by itself or by cancellation."""
        ...


class Log(Protocol):
    """Writes one structured event; the `log` method of a structlog logger is one."""

    def __call__(self, level: int, event: str, /, **fields: Any) -> Any:
        """`level` as in the logging module; `event` is a constant such as `dtab.invalid`."""
        ...


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


class Pace:
    """Measures the time since the last rest."""

    __slots__ = ("_next", "_step")

    def __init__(self, step: float = STEP) -> None:
        self._step = step
        self._next = perf_counter() + step

    def due(self) -> bool:
        """Whether a step's time has passed since the last rest."""
        return perf_counter() >= self._next

    async def rest(self) -> None:
        """Let everybody else have a turn."""
        await trio.lowlevel.checkpoint()
        self._next = perf_counter() + self._step


TURN: Final = 0.0005
"""Seconds that a thread which computes keeps the interpreter from requests that have come, instead of 5 ms."""
_USUAL: Final = sys.getswitchinterval()
_ONE: Final = trio.CapacityLimiter(1)


async def aside(work: Callable[[], T]) -> T:
    """Return what `work` returns, done in a thread: what takes long and cannot be done in steps.

    Requests go on meanwhile, with half of a core at the least: one at a time computes, and gives way each `TURN`.
    `work` sees nothing that others change. It goes on to its end where the caller is cancelled.
    """

    def compute() -> T:
        sys.setswitchinterval(TURN)
        try:
            return work()
        finally:
            sys.setswitchinterval(_USUAL)

    return await trio.to_thread.run_sync(compute, limiter=_ONE, abandon_on_cancel=True)
