"""Tasks that go from one coroutine to the next, for coroutines that many requests begin and nobody joins.

What a task of its own costs, its beginning, and the exception with which a coroutine ends, is a tenth of what a stream
does in all. So who has come to the end of a coroutine waits for another one.
"""

from collections.abc import Coroutine
from math import inf
from typing import TYPE_CHECKING, Any, Final

from noderouter.reactor.task import PARK, Task, current_task

if TYPE_CHECKING:
    from noderouter.reactor.loop import Reactor

MOST_WAITING: Final = 64
"""Tasks that wait for a coroutine: as many as events of one poll."""
WAITING: Final = "waiting for work"


class Crew:
    """The tasks of one reactor that are used again.

    Those `waiting` for a coroutine are `done` to whoever still has them, and not among `Reactor.tasks`.
    """

    __slots__ = ("_reactor", "waiting")

    def __init__(self, reactor: "Reactor") -> None:
        self._reactor = reactor
        self.waiting: list[Task] = []

    def spawn(self, coro: Coroutine[Any, Any, None], name: object) -> Task:
        """Start a coroutine as `Reactor.spawn` does; the task is another's as soon as the coroutine has ended.

        So who keeps the task has to forget it by then; what is to be thrown into it by then is forgotten here.
        """
        reactor = self._reactor
        waiting = self.waiting
        if waiting:
            task = waiting.pop()
            task.name = name
            task.done = False
            task.since = 0.0
            task.work = coro
            reactor.tasks.add(task)
            reactor.schedule(task)
        else:
            task = Task(reactor, name)
            task.work = coro
            task.start(self._work())
        return task

    async def _work(self) -> None:
        task = current_task()
        while True:
            await _work_of(task)
            if not self._wait(task):
                return
            while _waits(task):
                await PARK

    def _wait(self, task: Task) -> bool:
        """The coroutine of a task has ended: have it wait for another one, unless enough do."""
        waiting = self.waiting
        if len(waiting) >= MOST_WAITING:
            return False
        task.name = WAITING
        task.done = True
        task.thrown = task.meant = None
        task.unwinding = 0
        task.unwind_by = task.deadline = inf
        self._reactor.tasks.discard(task)
        waiting.append(task)
        return True


def _work_of(task: Task) -> Coroutine[Any, Any, None]:
    work, task.work = task.work, None
    assert work is not None
    return work


def _waits(task: Task) -> bool:  # a function: compiled, what was compared with None before an await is None behind it
    return task.work is None
