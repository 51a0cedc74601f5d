"""Carries bytes both ways between two ends of which at least one is a stream, until both directions have ended.

As `relay` does between two wires, by copying: half-close is carried through, back-pressure comes from windows and the
kernel, and what ends early resets both sides (RFC 9113 section 8.5).
"""

from collections.abc import Awaitable
from errno import ECONNRESET, ETIMEDOUT
from math import inf
from time import monotonic

from noderouter.core.duplex import Duplex
from noderouter.proxy.tcp.errors import TunnelIdle
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task, Timeout, current_task
from noderouter.reactor.wire import BULK_BYTES, Wire


class WireEnd:
    """A wire as a `core.duplex.Duplex`."""

    __slots__ = ("wire",)

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def receive(self, patience: float) -> bytes:
        """See `Duplex`; it is the relay that keeps the time."""
        data = await self.wire.recv(BULK_BYTES)
        if not data and self.wire.cut():
            raise WireError(ECONNRESET, "cut off: the end was not said (close_notify)")
        return data

    def send(self, data: bytes, last: bool) -> Awaitable[None] | None:
        """See `Duplex`."""
        if self.wire.put(data):
            if last:
                self.wire.finish()
            return None
        return self._drain(last)

    async def _drain(self, last: bool) -> None:
        await self.wire.drain()
        if last:
            self.wire.finish()

    def finish_sending(self) -> None:
        """See `Duplex`."""
        self.wire.finish()

    def abort(self) -> None:
        """See `Duplex`."""
        self.wire.abort()


class DuplexRelay:
    """One tunnel between `near` and `far`.

    Attributes:
        forth: bytes that went from near to far.
        back: bytes that went from far to near, `early` among them.
    """

    __slots__ = ("_far", "_idle", "_main", "_near", "_over", "_scope", "back", "forth")

    def __init__(self, near: Duplex, far: Duplex, idle: float) -> None:
        """`idle`: seconds without a byte either way after which the tunnel ends."""
        self._near = near
        self._far = far
        self._idle = idle
        self._over = False
        self._main: Task = current_task()
        self._scope = Timeout(idle)
        self.forth = 0
        self.back = 0

    def __repr__(self) -> str:
        return f"<DuplexRelay {self._near!r} {self._far!r}, {self.forth} bytes forth, {self.back} back>"

    async def run(self, early: bytes) -> None:
        """Carry until both sides have finished; `early` goes to `near` first.

        Raises:
            TunnelIdle: nothing has moved for `idle` seconds.
            Exception: one side broke off.
        """
        back = self._main.reactor.spawn(self._carry_back(early), "tunnel")
        broken: BaseException | None = None
        try:
            with self._scope as scope:
                while data := await self._near.receive(inf):
                    pending = self._far.send(data, False)
                    if pending is not None:
                        await pending
                    self.forth += len(data)
                    self._moved()
                self._far.finish_sending()
                await back.join()
            if scope.expired:
                raise TunnelIdle(ETIMEDOUT, "tunnel idle")
        except BaseException as error:  # no `finally`: compiled, an exception is lost where one awaits in it (ADR 16)
            broken = error
        self._over = True
        if broken is not None:
            self._near.abort()
            self._far.abort()
            if not back.done:
                back.cancel("the tunnel is over")
                await back.join()
            raise broken

    def _moved(self) -> None:
        self._scope.deadline = monotonic() + self._idle

    def _going_on(self) -> bool:
        return not self._over

    async def _carry_back(self, data: bytes) -> None:
        """From far to near."""
        try:
            while True:
                if data:
                    pending = self._near.send(data, False)
                    if pending is not None:
                        await pending
                    self.back += len(data)
                    self._moved()
                data = await self._far.receive(inf)
                if not data:
                    break
            self._near.finish_sending()
        except Exception as error:
            self._main.interrupt(error, self._going_on)
