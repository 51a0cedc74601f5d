"""Carry bytes both ways between two wires until both directions have ended.

Half-close is carried through: the end of one direction is passed on, the other goes on. Back-pressure is the
kernel's: a piece is read only when the one before has been sent. A tunnel on which nothing moves in either
direction for `idle` seconds ends (conntrack forgets half-closed flows; lessons.md 14).
"""

from time import monotonic
from typing import Final

from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import BULK_BYTES, Wire

IDLE_SECONDS: Final = 3600.0


class Relay:
    """One tunnel between `left` and `right`; closes neither."""

    __slots__ = ("_idle", "_last", "bytes_left", "bytes_right", "left", "right")

    def __init__(self, left: Wire, right: Wire, idle: float = IDLE_SECONDS) -> None:
        self.left = left
        self.right = right
        self.bytes_left = 0
        self.bytes_right = 0
        self._idle = idle
        self._last = monotonic()

    async def run(self, early: bytes = b"") -> None:
        """Carry until both sides have finished; `early` goes to `left` first.

        Raises:
            WireError: one side broke; the caller aborts both.
        """
        reactor = self.left.reactor
        upward = reactor.spawn(self._copy(self.left, self.right), "tunnel")
        try:
            if early:
                await self.left.send(early)
            await self._copy(self.right, self.left)
            await upward.join()
        finally:
            if not upward.done:
                upward.cancel("tunnel ended")
        if isinstance(upward.failure, WireError):
            raise upward.failure

    async def _copy(self, source: Wire, target: Wire) -> None:
        while True:
            with Timeout(deadline=self._last + self._idle) as scope:
                data = await source.recv(BULK_BYTES)
            now = monotonic()
            if scope.expired:
                if now - self._last >= self._idle:
                    raise WireError(0, "tunnel idle")
                continue
            if not data:
                target.finish()
                return
            self._last = now
            if target is self.left:
                self.bytes_left += len(data)
            else:
                self.bytes_right += len(data)
            await target.send(data)
