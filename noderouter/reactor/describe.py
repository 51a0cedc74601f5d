"""The tasks of the data path in words, for `/admin/threads`: what each does, where it stands, and for how long.

The compiled data path has no frames to show; what a task is about is in its name, and `NODEROUTER_PURE=1` shows both.
"""

from collections.abc import Iterator
from time import monotonic
from types import CoroutineType
from typing import Any

from noderouter.reactor.loop import Reactor


def describe_tasks(reactor: Reactor) -> Iterator[str]:
    """A block of lines for each task: its name, how long it has waited, and its stack, outermost first."""
    now = monotonic()
    for task in list(reactor.tasks):
        waited = f"waiting {now - task.since:.3f} s" if task.since else "not run yet"
        yield "\n".join([f"{task.name}: {waited}", *_stack(task.coro)])


def _stack(coro: Any) -> Iterator[str]:
    """A line for each coroutine or generator that awaits the next."""
    while coro is not None:
        if isinstance(coro, CoroutineType):
            frame, inner = coro.cr_frame, coro.cr_await
        else:
            frame, inner = getattr(coro, "gi_frame", None), getattr(coro, "gi_yieldfrom", None)
        if frame is None:
            return
        file = frame.f_code.co_filename.rpartition("noderouter/")[2]
        yield f"    {frame.f_code.co_qualname} ({file}:{frame.f_lineno})"
        coro = inner
