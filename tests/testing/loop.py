"""A reactor for a test: hosted by trio, and checked for crashes and left-overs at the end."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import trio

from noderouter.reactor import host
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task
from tests.testing.busy import PATIENCE_SECONDS


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


async def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition that other tasks bring about; fails the test when it does not come."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.001)


async def finished(task: Task, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a data-plane task is done."""
    await until(lambda: task.done, seconds)


class Loop:
    """A running reactor; `crashes` are the exceptions nobody expected."""

    def __init__(self) -> None:
        self.crashes: list[BaseException] = []
        self.reactor = Reactor(lambda _task, error: self.crashes.append(error))

    async def run(self, coro: Coroutine[Any, Any, Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """Run a data-plane coroutine to its end and answer its result, or raise what it raised."""
        result: list[Any] = []

        async def keep() -> None:
            try:
                result.append(await coro)
            except Exception as error:
                result.append(error)

        task = self.reactor.spawn(keep(), "test")
        await finished(task, seconds)
        # Frames may be remembered for a while, from Python 3.12 on also by those they called: they keep no result.
        if isinstance(result[0], Exception):
            raise result.pop()
        return result.pop()


@asynccontextmanager
async def looping(*, expect_crashes: bool = False) -> AsyncIterator[Loop]:
    """A reactor while inside; no task may be left and none may have crashed."""
    loop = Loop()
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(host.run, loop.reactor)
            yield loop
            nursery.cancel_scope.cancel()
    finally:
        loop.reactor.close()
    if not expect_crashes:
        assert not loop.crashes, loop.crashes
