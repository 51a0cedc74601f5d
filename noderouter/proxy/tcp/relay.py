"""Carry bytes both ways between two wires until both directions have ended.

One task carries both directions, so that there is one deadline and nothing to join. Half-close is carried through: the
end of one direction is passed on, the other goes on. Back-pressure is the kernel's: nothing more is read until what was
read has been written. What streams, or has a reader who is slow, moves as bulk (`reactor.loop`); a few bytes now and
then move at once. A tunnel on which nothing moves in either direction for `idle` seconds ends (conntrack forgets
half-closed flows; docs/lessons.md entry 14), also one whose reader stands still.

Whatever ends a tunnel early (a side that broke, idleness, cancellation) resets both sides: a reset here becomes a reset
there, so that nobody takes a stream that was cut for a whole one. What had arrived before is passed on as far as the
other side takes it at once. Closing is the owner's duty otherwise.
"""

import select
from errno import EBADF, ECONNRESET, ETIMEDOUT
from os import strerror
from time import monotonic
from typing import Final

from noderouter.proxy.tcp.direction import FIRST_BYTES, TURN_BYTES, Direction
from noderouter.proxy.tcp.errors import TunnelIdle
from noderouter.proxy.tcp.pipes import SHARED, Pipes
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import PARK, Task, Timeout, current_task
from noderouter.reactor.wire import Wire

IDLE_SECONDS: Final = 3600.0


class Relay:
    """One tunnel between `left` and `right`; resets both if it ends early, and closes neither if not.

    Attributes:
        broken: the side that failed, when `run` has raised a WireError because of one.
    """

    __slots__ = ("_idle", "_leftward", "_rightward", "broken", "left", "right")

    def __init__(self, left: Wire, right: Wire, idle: float = IDLE_SECONDS, *, pipes: Pipes = SHARED) -> None:
        self.left = left
        self.right = right
        self.broken: Wire | None = None
        self._idle = idle
        self._leftward = Direction(right, left, pipes)
        self._rightward = Direction(left, right, pipes)

    def __repr__(self) -> str:
        return f"<Relay {self._rightward} {self._leftward}>"

    @property
    def bytes_left(self) -> int:
        """Bytes that `left` was given, `early` among them."""
        return self._leftward.moved

    @property
    def bytes_right(self) -> int:
        """Bytes that `right` was given."""
        return self._rightward.moved

    async def run(self, early: bytes = b"") -> None:
        """Carry until both sides have finished; `early` goes to `left` first.

        Raises:
            TunnelIdle: nothing has moved for `idle` seconds.
            WireError: one side broke; `broken` says which.
        """
        self._leftward.rest = memoryview(early)
        self.right.received -= len(early)  # counted when it was read, and again with what `left` was given
        told = self.left.on_hangup, self.right.on_hangup
        self.left.on_hangup = self.right.on_hangup = None  # whatever ends a side is for the tunnel to see, in its order
        try:
            with Timeout(self._idle) as scope:
                await self._carry(current_task(), scope)
            if scope.expired:
                raise TunnelIdle(ETIMEDOUT, "tunnel idle")
        except BaseException:
            self.left.abort()
            self.right.abort()
            raise
        self.left.on_hangup, self.right.on_hangup = told

    async def _carry(self, task: Task, scope: Timeout) -> None:
        left, right = self.left, self.right
        leftward, rightward = self._leftward, self._rightward
        moved = 0
        bulk = False
        try:
            while True:
                if left.closed or right.closed:
                    raise WireError(EBADF, "closed here")
                most = TURN_BYTES if bulk else FIRST_BYTES
                more = rightward.pump(most)
                more = leftward.pump(most) or more
                if leftward.ended and rightward.ended:
                    return
                if (left.hung_up | right.hung_up) & select.EPOLLERR:
                    self._fail(left if left.hung_up & select.EPOLLERR else right)
                now_moved = leftward.moved + rightward.moved
                if now_moved != moved:
                    moved = now_moved
                    scope.deadline = monotonic() + self._idle
                if more:
                    task.reactor.defer(task)
                left.bulk = right.bulk = bulk = more or leftward.busy or rightward.busy
                # Both readers always: a side that dies is to be seen also while nothing is wanted from it.
                left.reader = right.reader = task
                left.writer = task if leftward.blocked else None
                right.writer = task if rightward.blocked else None
                await PARK
        finally:
            self._let_go(task)
            leftward.close()
            rightward.close()
            right.sent += rightward.moved
            right.received += leftward.moved
            self.broken = self.broken or leftward.broken or rightward.broken

    def _fail(self, wire: Wire) -> None:
        self.broken = wire
        status = wire.error_number() or ECONNRESET
        raise WireError(status, strerror(status))

    def _let_go(self, task: Task) -> None:
        for wire in (self.left, self.right):
            wire.bulk = False
            if wire.reader is task:
                wire.reader = None
            if wire.writer is task:
                wire.writer = None
