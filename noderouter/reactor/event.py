"""The bridge between the halves: what a trio task sets, a data-plane coroutine can await, and back.

Both halves run in one thread, so there is nothing to lock. The data plane awaits `Event.wait`; a trio task that
waits for the data plane is called back through `Event.call`.
"""

from collections.abc import Callable

from noderouter.reactor.task import PARK, Task, current_task


class Event:
    """A flag that can be waited for. It stays set until `clear`."""

    __slots__ = ("_callbacks", "_flag", "_waiters")

    def __init__(self) -> None:
        self._flag = False
        self._waiters: dict[Task, None] = {}  # thousands may leave at once
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether `set` was called since the last `clear`."""
        return self._flag

    def set(self) -> None:
        """Wake every waiter; callable from both halves."""
        self._flag = True
        waiters, self._waiters = self._waiters, {}
        for task in waiters:
            task.reactor.schedule(task)
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def clear(self) -> None:
        """Lower the flag."""
        self._flag = False

    def call(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when the flag is set (at once if it is). It must not raise."""
        if self._flag:
            callback()
        else:
            self._callbacks.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Take back a `call`; harmless if it was made already."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)

    async def wait(self) -> None:
        """Wait in the data plane until the flag is set."""
        if self._flag:
            return
        task = current_task()
        self._waiters[task] = None
        try:
            while not self._flag and task in self._waiters:
                await PARK
        finally:
            self._waiters.pop(task, None)
