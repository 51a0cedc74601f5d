"""The loop: polls a private edge-triggered epoll and steps the coroutines that became ready.

A *turn* is bounded (`ROUNDS` polls of `BATCH` events), so that the control plane gets its own turns at full load.
A step costs 0.2 µs; whatever a coroutine raises ends that coroutine only.

Two classes of work. What moves bulk (a body that streams, a tunnel) and what ends (cancelled tasks) waits in a queue of
its own: after each poll all else is stepped first, then that, for `SLICE_SECONDS`. A step of it is bounded by bytes
(`Wire`, `Direction`) and by pieces (`ChunkedDecoder`). So a request, and a newcomer, waits for one slice, however many
want to stream.

What is thrown into a task (its end, a deadline, an interruption) is queued, and judged again when it is delivered: what
was meant for one wait does not arrive in another.
"""

import os
import select
from collections import deque
from collections.abc import Callable, Coroutine, Sized
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from noderouter.reactor.crew import Crew
from noderouter.reactor.errors import Cancelled, Expired, Unwind
from noderouter.reactor.task import Task, running
from noderouter.reactor.timers import TICK, Timers

if TYPE_CHECKING:
    import socket

    from noderouter.reactor.wire import Wire

BATCH: Final = 64
ROUNDS: Final = 4
SLICE_SECONDS = 0.001  # not Final: tests shorten it, and the compiler puts Final ones in place
"""Of bulk between two polls."""

ENDED: Final = "ended"

_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT
_HANGUP: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_UNUSUAL: Final = _HANGUP | select.EPOLLPRI
_INTEREST: Final = _IN | _OUT | select.EPOLLPRI | select.EPOLLRDHUP | select.EPOLLET


class Flushed:
    """What gathers its output, and sends it once for each round of the loop."""

    __slots__ = ()

    def flush(self) -> None:
        """Send what was gathered. Must not raise."""
        raise NotImplementedError


class Reactor:
    """Owns the epoll, the tasks and the timers. Hosted by `host.run`, or turned by hand in tests.

    `attend` is `disturbed` by what comes from the descriptor `beside`, which is in the epoll as well.
    """

    def __init__(self, on_crash: Callable[[Task, BaseException], None]) -> None:
        """`on_crash` is told of every coroutine that ended with an exception nobody expected."""
        self.epoll = select.epoll()
        self.timers = Timers(monotonic())
        self.tasks: set[Task] = set()
        self.crashes = 0
        self.turns = 0
        self._on_crash = on_crash
        self._wires: dict[int, Wire] = {}
        self._runnable: deque[Task] = deque()
        self._bulk: deque[Task] = deque()
        self._doomed: list[socket.socket] = []
        self._flushes: list[Flushed] = []
        self._turning = False
        self.crew = Crew(self)
        self.disturbed = False
        self.beside = -1
        self._tick_at = 0.0
        # One byte in this eventfd brings the host back when something is scheduled between turns.
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._woken = False
        self.epoll.register(self._wake, _IN)

    # Tasks

    def spawn(self, coro: Coroutine[Any, Any, None], name: object) -> Task:
        """Start a coroutine; its first step happens in the next round. `name` describes it, by its `str`."""
        task = Task(self, name)
        task.start(coro)
        return task

    def schedule(self, task: Task) -> None:
        """Make a task runnable; callable from both halves, any number of times."""
        self._queue(task, self._runnable)

    def defer(self, task: Task) -> None:
        """Make a task runnable that moves bulk: it gets its turn when nobody else wants one, or in a slice."""
        self._queue(task, self._bulk)

    def _queue(self, task: Task, queue: deque[Task]) -> None:
        if not task.queued and not task.done:
            task.queued = True
            queue.append(task)
            if not self._turning:
                self._call_host()

    def flush_later(self, flushed: Flushed) -> None:
        """Call its `flush` at the end of this round; callable from both halves."""
        self._flushes.append(flushed)
        if not self._turning:
            self._call_host()

    def _call_host(self) -> None:
        if not self._woken:
            self._woken = True
            os.eventfd_write(self._wake, 1)

    def _flush(self) -> None:
        flushes, self._flushes = self._flushes, []
        for each in flushes:
            each.flush()

    def _step(self, task: Task, now: float) -> None:
        """Run a task to its next wait; deliver what is to be thrown into it. `now`: about."""
        if task.done:
            return
        task.since = now
        if task.thrown is None:
            self._resume(task)
        else:
            self._throw(task)

    def _resume(self, task: Task) -> None:
        """Run a task to its next wait."""
        running.task = task
        try:
            task.send(None)
        except StopIteration:
            self._ended(task, None)
        except BaseException as error:
            self._ended(task, error)
        running.task = None

    def _throw(self, task: Task) -> None:
        running.task = task
        thrown = None
        try:
            thrown = task.take_thrown(monotonic())
            if thrown is None:
                task.send(None)
            else:
                task.coro.throw(thrown)
        except StopIteration:
            self._ended(task, None)
        except BaseException as error:
            self._ended(task, error)
        finally:
            running.task = thrown = None  # from Python 3.12 on, its traceback leads to this frame

    def _overtake(self, task: Task) -> None:
        """Step a task whose wire is ready, and into which something is to be thrown, for which it is queued.

        What has come in time counts, though we are late; what is to be thrown has to be meant even so. Who is to end is
        left alone: unwinding has its place, and nothing happens in between.
        """
        if isinstance(task.thrown, Cancelled):
            return
        task.since = monotonic()
        self._resume(task)

    def _ended(self, task: Task, error: BaseException | None) -> None:
        task.done = True
        task.failure = error
        self.tasks.discard(task)
        if task.on_end is not None:
            task.on_end(task)
        if task.joiner is not None:
            self.schedule(task.joiner)
        elif error is not None and not isinstance(error, Unwind):
            self.crashes += 1
            self._on_crash(task, error)
        # The wheel may keep the task for a while, but not whose it was, nor where: frames have buffers.
        task.name = ENDED
        task.thrown = task.meant = None
        if isinstance(error, Unwind):
            error.__traceback__ = error.__context__ = error.__cause__ = None

    # Turns

    def turn(self) -> bool:
        """Step what is ready, a bounded amount; true when there is more to do at once."""
        self._turning = True
        try:
            for _ in range(ROUNDS):
                if not self._round(0.0):
                    break
        finally:
            self._turning = False
        more = self._has_work()
        if more:
            self._call_host()
        return more

    def attend(self, others: Sized, seconds: float) -> bool:
        """Take turns, and wait in between, until there are `others`, it is `disturbed`, or `seconds` are over.

        By then what there is to do was done, or a bounded amount of it. Returns whether the last round did anything.
        """
        now = monotonic()
        end = now + seconds
        rounds = 0
        worked = True
        self.disturbed = False
        self._turning = True
        try:
            while True:
                left = end - now
                if self.timers:
                    if now >= self._tick_at:
                        self._tick_at = now + TICK
                        self.tick()
                    left = min(left, self._tick_at - now)
                if now >= end or others or self.disturbed:
                    if not worked or rounds >= ROUNDS:
                        return worked
                    left = 0.0
                elif self._has_work():
                    left = 0.0
                worked = self._round(left)
                rounds += 1
                now = monotonic()
        finally:
            self._turning = False

    def _round(self, patience: float) -> bool:
        """Poll, for `patience` at most, and step what is ready; false where nothing was."""
        events = self.epoll.poll(patience, BATCH)
        if events:
            self._dispatch(events)
        elif not self._has_work():
            return False
        self.turns += 1
        if self._runnable:
            self._run()
        if self._bulk:
            self._run_bulk()
        if self._flushes:
            self._flush()
        if self._doomed:
            self._bury()
        return True

    def _has_work(self) -> bool:
        return bool(self._runnable or self._bulk or self._flushes)

    def _dispatch(self, events: list[tuple[int, int]]) -> None:
        """Mark wires ready and step their waiters. The hot loop of the whole program."""
        wires = self._wires
        now = monotonic()
        for fd, mask in events:
            wire = wires.get(fd)
            if wire is None:
                if fd == self._wake and self._woken:
                    os.eventfd_read(fd)
                    self._woken = False
                elif fd == self.beside:
                    self.disturbed = True
                continue
            if mask & _UNUSUAL:
                wire.unusual(mask)
            if mask & _IN or mask & _UNUSUAL:
                wire.readable = True
                task = wire.reader
                if task is None:
                    pass
                elif task.thrown is not None:
                    wire.reader = None
                    self._overtake(task)
                elif wire.bulk:
                    wire.reader = None
                    self.defer(task)
                else:
                    wire.reader = None
                    task.since = now
                    self._resume(task)
            if mask & _OUT or mask & _HANGUP:
                wire.writable = True
                task = wire.writer
                if task is not None:
                    wire.writer = None
                    if task.thrown is not None:
                        self._overtake(task)
                    elif wire.unsent is None and not wire.bulk:
                        self._step(task, now)
                    else:
                        self.defer(task)

    def _run(self) -> None:
        """Step each task that is runnable now; one that becomes so meanwhile waits for the next round."""
        runnable = self._runnable
        now = monotonic()
        for _ in range(len(runnable)):
            task = runnable.popleft()
            task.queued = False
            self._step(task, now)

    def _run_bulk(self) -> None:
        """Step what moves bulk, each once, for one slice."""
        bulk = self._bulk
        now = monotonic()
        end = now + SLICE_SECONDS
        for _ in range(len(bulk)):
            task = bulk.popleft()
            task.queued = False
            self._step(task, now)
            now = monotonic()
            if now >= end:
                return

    def tick(self) -> None:
        """Throw into every task whose deadline has passed; called each `timers.TICK` while timers are armed."""
        now = monotonic()
        for task in self.timers.due(now):
            if task.unwind_by <= now:
                self._insist(task)
                continue
            scope = None
            if task.timeout is not None and task.thrown is None:
                scope = task.timeout.outermost_expired(now)
            if scope is not None:
                task.thrown = Expired(scope)
                self.schedule(task)
            else:  # it was lifted, or put off, or something else is on its way: then it is looked at again
                self.timers.arm(task, task.next_deadline())

    def _insist(self, task: Task) -> None:
        """A cancelled task is still awaiting: cancel it again, then close it."""
        if task.unwinding <= 3:
            task.cancel("still unwinding")
            return
        try:
            task.coro.close()
        except BaseException as error:
            self._ended(task, error)
        else:
            self._ended(task, None)

    # Wires

    def register(self, wire: "Wire") -> None:
        """Watch a wire's descriptor."""
        self._wires[wire.fd] = wire
        self.epoll.register(wire.fd, _INTEREST)

    def forget(self, wire: "Wire") -> None:
        """Watch a wire's descriptor no more; it stays open, and may be registered for another wire."""
        del self._wires[wire.fd]
        self.epoll.unregister(wire.fd)

    def release(self, wire: "Wire", sock: "socket.socket") -> None:
        """Forget a wire and close its socket.

        During a turn the descriptor stays open until the batch is done: else the kernel could give its number
        to a new connection while events of the old one are still in the batch.
        """
        self._wires.pop(wire.fd, None)
        if self._turning:
            self._doomed.append(sock)
        else:
            sock.close()

    def _bury(self) -> None:
        doomed, self._doomed = self._doomed, []
        for sock in doomed:
            sock.close()

    def close(self) -> None:
        """Close every task, wire and descriptor. Nothing is awaited: cancel and drain first."""
        for task in [*self.tasks, *self.crew.waiting]:
            task.done = True
            running.task = task
            try:
                task.coro.close()
                if task.work is not None:
                    task.work.close()
            except BaseException as error:
                self._on_crash(task, error)
        running.task = None
        self.tasks.clear()
        for wire in list(self._wires.values()):
            wire.close()
        self._bury()
        self.epoll.close()
        os.close(self._wake)
