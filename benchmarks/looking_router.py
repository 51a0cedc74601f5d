"""A router that measures how long its own thread is held: the far side of `python -m benchmarks.looking`.

`python -m benchmarks.looking_router CONFIG` serves as `noderouter run` does. For each line on standard input it writes
one with what has happened since the last: the most time of the thread that the admin interface took between two looks
at the sockets, which is what a request may have waited, and the CPU of the process.

Time is that of the thread, not of the clock: what others on the machine take is not the router's.
"""

import json
import sys
from time import process_time, thread_time
from typing import Any, Final

import trio

from noderouter import memory
from noderouter.app import App
from noderouter.config.validate import load
from noderouter.telemetry import log

HOST: Final = "noderouter.reactor.host.run"
"""The task that carries requests; not what is measured."""
ADMIN: Final = "hypercorn."
"""How the names of those begin that answer."""


class Holds(trio.abc.Instrument):
    """The longest turn of the tasks that answer."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._begun = 0.0
        self._turn = 0.0

    def after_io_wait(self, timeout: float) -> None:
        """Begin a turn."""
        self._turn = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin a step."""
        self._begun = thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Add the step to its turn; one of the task that carries requests ends it."""
        if task.name == HOST:
            self._turn = 0.0
        elif task.name.startswith(ADMIN):
            self._turn += thread_time() - self._begun
            self.longest = max(self.longest, self._turn)

    def taken(self) -> dict[str, Any]:
        """Return what there was since the last time."""
        found = {"held_s": self.longest, "cpu_s": process_time()}
        self.longest = 0.0
        return found


async def tell(holds: Holds) -> None:
    """Answer each line of standard input, until it ends."""
    async with trio.lowlevel.FdStream(0) as asked:
        while await asked.receive_some():
            print(json.dumps(holds.taken()), flush=True)


async def serve(config: str, holds: Holds) -> None:
    """Serve until standard input ends."""
    app = App(load(config))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app.run)
        await tell(holds)
        app.stopping.set()


def main() -> None:
    """Serve the configuration that the command line names."""
    memory.keep_large_apart()
    log.configure("WARNING")
    holds = Holds()
    trio.run(serve, sys.argv[1], holds, instruments=[holds])


if __name__ == "__main__":
    main()
