"""What hosts a reactor in trio: the only file of the data plane that imports it.

Trio waits for its events, and between two steps of its tasks, in its *I/O manager*. The reactor stands before that one
and waits for both, so that what concerns no task of trio's costs no turn of its loop: that is dearer than a request.
Nothing of trio's public interface leads there. Where it is not as we know it, or taken, a task waits for the reactor's
descriptor.
"""

from collections.abc import Sized
from select import EPOLLIN, epoll
from time import monotonic
from typing import Any, Final

import trio

from noderouter.reactor.loop import Reactor
from noderouter.reactor.timers import TICK

SOMETHING: Final = [(-1, 0)]
"""Events in place of trio's: there were some, of the reactor's. Who waits until nothing happens goes on waiting."""


class Before:
    """Stands before trio's I/O manager, and is one to trio."""

    def __init__(self, reactor: Reactor, runner: Any, tasks: Sized, descriptor: int) -> None:
        """`tasks` are those of trio's that are to be stepped, `descriptor` is what its I/O manager waits for."""
        self._reactor = reactor
        self._runner = runner
        self._tasks = tasks
        self._manager = runner.io_manager
        self._failed: BaseException | None = None
        self._asked = False
        self._ended = trio.Event()
        reactor.epoll.register(descriptor, EPOLLIN)
        reactor.beside = descriptor
        runner.io_manager = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    def get_events(self, timeout: float) -> Any:
        """Wait as trio's I/O manager does, and let the reactor work."""
        reactor = self._reactor
        worked = False
        self._asked = True
        if self._failed is None:
            try:
                worked = reactor.attend(self._tasks, timeout)
            except BaseException as error:  # it is the router's to fail, and not trio's
                self._failed = error
                self._ended.set()
        if self._failed is not None or reactor.disturbed:
            return self._manager.get_events(0)
        return SOMETHING if worked else []

    def process_events(self, events: Any) -> None:
        """See `get_events`."""
        if events is not SOMETHING:
            self._manager.process_events(events)

    async def is_asked(self) -> bool:
        """Whether trio asks here; where it goes on asking the manager behind, this leaves again."""
        for _ in range(2):  # it asks for events between two steps of a task
            await trio.lowlevel.cancel_shielded_checkpoint()
        if not self._asked:
            self._leave()
        return self._asked

    def _leave(self) -> None:
        self._runner.io_manager = self._manager
        self._reactor.epoll.unregister(self._reactor.beside)
        self._reactor.beside = -1

    async def run(self) -> None:
        """Until cancelled, or until the reactor fails."""
        try:
            await self._ended.wait()
        finally:
            self._leave()
        if self._failed is not None:
            raise self._failed


def before(reactor: Reactor) -> Before | None:
    """Put a reactor before trio's I/O manager; None where that cannot be done."""
    try:
        from trio._core._run import GLOBAL_RUN_CONTEXT

        runner: Any = GLOBAL_RUN_CONTEXT.runner
        manager = runner.io_manager
        polled, tasks = manager._epoll, runner.runq
        known = isinstance(polled, epoll) and isinstance(tasks, Sized) and not runner.is_guest
    except (ImportError, AttributeError):
        return None
    return Before(reactor, runner, tasks, polled.fileno()) if known and not isinstance(manager, Before) else None


async def run(reactor: Reactor, *, task_status: trio.TaskStatus[bool] = trio.TASK_STATUS_IGNORED) -> None:
    """Turn the reactor until cancelled. Starts with whether it stands before trio's I/O manager."""
    async with trio.open_nursery() as nursery:
        standing = before(reactor)
        if standing is not None and not await standing.is_asked():
            standing = None
        if standing is None:
            nursery.start_soon(_tick, reactor)
        task_status.started(standing is not None)
        if standing is not None:
            await standing.run()
        descriptor = reactor.epoll.fileno()
        while True:
            if reactor.turn():
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(descriptor)


async def _tick(reactor: Reactor) -> None:
    """Advance the timers; sleeps for good while none is armed, so that an idle router wakes nobody."""
    armed = trio.Event()

    def wake() -> None:
        armed.set()

    reactor.timers.on_first = wake
    while True:
        if not reactor.timers:
            await armed.wait()
        armed = trio.Event()
        await trio.sleep(TICK)
        reactor.tick()


class Lag:
    """How late the control plane gets its turns: sampled, seconds; `worst` since the last `take`."""

    def __init__(self, interval: float = 0.1) -> None:
        self.interval = interval
        self.last = 0.0
        self.worst = 0.0

    def take(self) -> float:
        """The worst since it was last taken."""
        worst, self.worst = self.worst, 0.0
        return worst

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            due = monotonic() + self.interval
            await trio.sleep(self.interval)
            self.last = max(0.0, monotonic() - due)
            self.worst = max(self.worst, self.last)
