"""A coroutine that the reactor steps, and the deadlines that hold for it."""

from collections.abc import Callable, Coroutine, Generator
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from noderouter.reactor.errors import Cancelled, Expired
from noderouter.reactor.isolate import isolated

if TYPE_CHECKING:
    from noderouter.reactor.loop import Reactor


UNWIND_SECONDS: Final = 1.0
"""How long a cancelled task may go on awaiting before it is told again; after three times it is closed."""


class _Running:
    """Holds the task that is being stepped; there is one reactor in a process, and steps do not nest."""

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: Task | None = None


running: Final = _Running()


def current_task() -> "Task":
    """The task that is being stepped.

    Raises:
        RuntimeError: called from outside the data plane, for instance from a trio task.
    """
    if running.task is None:
        raise RuntimeError("this waits on the reactor: only a data-plane coroutine can await it")
    return running.task


class Task:
    """One coroutine of the data plane; the reactor owns it from `start` to its end.

    Attributes:
        name: what it is called, or whose it is; shown by its `str`.
        deadline: the earliest deadline of its open `Timeout` scopes, monotonic seconds.
        armed: the tick at which the timer wheel looks at this task next.
        on_end: is called with it when it has ended, however that was; it must not raise.
        since: when it was last stepped, monotonic seconds: how long it has waited.
        thrown: what will be thrown into it when its turn comes; then it is queued. `meant` is asked first.
        unwinding: how often it was told to end; `unwind_by` is when it is told again.
        work: the coroutine that it goes on with, where it is one of a `Crew`.
    """

    __slots__ = (
        "armed",
        "coro",
        "deadline",
        "done",
        "failure",
        "joiner",
        "meant",
        "name",
        "on_end",
        "queued",
        "reactor",
        "send",
        "since",
        "thrown",
        "timeout",
        "unwind_by",
        "unwinding",
        "work",
    )

    coro: Coroutine[Any, Any, None]
    send: Callable[[None], Any]

    def __init__(self, reactor: "Reactor", name: object) -> None:
        self.reactor = reactor
        self.name = name
        self.on_end: Callable[[Task], None] | None = None
        self.deadline = inf
        self.armed = 0
        self.timeout: Timeout | None = None
        self.done = False
        self.queued = False
        self.thrown: BaseException | None = None
        self.meant: Callable[[], bool] | None = None
        self.failure: BaseException | None = None
        self.joiner: Task | None = None
        self.unwinding = 0
        self.unwind_by = inf
        self.since = 0.0
        self.work: Coroutine[Any, Any, None] | None = None

    def start(self, coro: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine, which may know the task; the first step happens in the next round."""
        self.coro = isolated(coro)
        self.send = self.coro.send
        self.reactor.tasks.add(self)
        self.reactor.schedule(self)

    def __repr__(self) -> str:
        state = "done" if self.done else "unwinding" if self.unwinding else "open"
        return f"<Task {self.name} {state}>"

    def cancel(self, reason: BaseException | str, meant: Callable[[], bool] | None = None) -> None:
        """Have `Cancelled(reason)` thrown where the task waits. Harmless on a task that is done.

        `meant` is asked in the very step that would throw it: where the answer is no, nothing was said.
        """
        if self.done or (meant is not None and self.unwinding):
            return
        self.unwinding += 1
        self.thrown = Cancelled(reason)
        self.meant = meant
        self.reactor.defer(self)  # many may leave at once, and unwinding is work

    def interrupt(self, error: Exception, meant: Callable[[], bool]) -> None:
        """Have `error` raised where the task waits, as if that had failed; `meant` as in `cancel`.

        Harmless on a task that is done. Where something else is on its way already, that is what comes.
        """
        if not self.done and self.thrown is None:
            self.thrown = error
            self.meant = meant
            self.reactor.schedule(self)

    def take_thrown(self, now: float) -> BaseException | None:
        """Return what is to be thrown into the task, and forget it; None where that has been overtaken since.

        Then the task is resumed all the same: a wake-up may have found it queued for this.
        """
        thrown, meant = self.thrown, self.meant
        self.thrown = self.meant = None
        timers = self.reactor.timers
        if isinstance(thrown, Expired):  # by what holds now: blocks may have been left, entered and put off
            scope = self.timeout.outermost_expired(now) if self.timeout is not None else None
            if scope is not None:
                return Expired(scope)
        elif meant is None or meant():
            if isinstance(thrown, Cancelled):
                self.unwind_by = now + UNWIND_SECONDS
                timers.arm(self, self.next_deadline())
            return thrown
        elif isinstance(thrown, Cancelled):
            self.unwinding = 0
        timers.arm(self, self.next_deadline())  # of a deadline that was put off, or gave way to this
        return None

    def next_deadline(self) -> float:
        """The earliest deadline that holds for the task now."""
        deadline = self.unwind_by
        scope = self.timeout
        while scope is not None:
            deadline = min(deadline, scope.due())
            scope = scope.outer
        return deadline

    async def join(self) -> None:
        """Wait until the task is done, then raise what it failed with, if anything. One joiner at a time."""
        try:
            while not self.done:
                self.joiner = current_task()
                await PARK
        finally:
            self.joiner = None
        if self.failure is not None and not isinstance(self.failure, Cancelled):
            raise self.failure


class Timeout:
    """A deadline for a block of the current task: ``with Timeout(seconds) as scope: ...``.

    When it passes, `Expired` unwinds the block, `expired` becomes true, and execution goes on behind the
    block. Scopes nest; the outermost that has expired wins. At most 50 ms late.
    """

    __slots__ = ("_task", "deadline", "expired", "open", "outer")

    def __init__(self, seconds: float = inf, *, deadline: float | None = None) -> None:
        """Give either a span in `seconds` from now or an absolute monotonic `deadline`."""
        self.deadline = monotonic() + seconds if deadline is None else deadline
        self.expired = False
        self.open = False

    def __enter__(self) -> "Timeout":
        task = self._task = current_task()
        self.outer = task.timeout
        task.timeout = self
        self.open = True
        if self.deadline < task.deadline:
            task.reactor.timers.arm(task, self.deadline)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.open = False
        task = self._task
        task.timeout = self.outer
        task.reactor.timers.arm(task, task.next_deadline())
        if isinstance(error, Expired) and error.timeout is self:
            self.expired = True
        return self.expired and isinstance(error, Expired)

    def due(self) -> float:
        """The deadline that holds now, monotonic seconds."""
        return self.deadline

    def outermost_expired(self, now: float) -> "Timeout | None":
        """Of this scope and those around it, the outermost whose deadline has passed."""
        found = None
        scope: Timeout | None = self
        while scope is not None:
            if scope.due() <= now:
                found = scope
            scope = scope.outer
        return found


class Park:
    """What gives the turn back to the reactor until somebody schedules the current task: ``await PARK``.

    A class, because `types.coroutine` takes the interpreter's own generators only, and this one is compiled.
    """

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


PARK: Final = Park()


async def sleep(seconds: float) -> None:
    """Wait; at most 50 ms longer than asked."""
    with Timeout(seconds):
        while True:
            await PARK


async def reschedule() -> None:
    """Let every other runnable task have its turn first."""
    task = current_task()
    task.reactor.schedule(task)
    await PARK


async def stand_back() -> None:
    """Let everybody else have their turn first: what goes on is bulk, and waits for its slice."""
    task = current_task()
    task.reactor.defer(task)
    await PARK
