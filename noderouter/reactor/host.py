"""The trio tasks that host a reactor: the only file of the data plane that imports trio."""

from time import monotonic

import trio

from noderouter.reactor.loop import Reactor
from noderouter.reactor.timers import TICK


async def run(reactor: Reactor, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Turn the reactor until cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tick, reactor)
        task_status.started()
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
