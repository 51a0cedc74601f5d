"""Carries bytes both ways between a stream and a wire until both directions have ended (RFC 9113 section 8.5).

As `tcp.relay` does between two wires, by copying: half-close is carried through, back-pressure comes from the windows
and the kernel, and what ends early resets both sides.
"""

from errno import ETIMEDOUT
from math import inf
from time import monotonic
from typing import Final

from noderouter.proxy.http2.stream import Stream
from noderouter.proxy.tcp.errors import TunnelIdle
from noderouter.reactor.errors import WireError
from noderouter.reactor.task import Task, Timeout, current_task
from noderouter.reactor.wire import BULK_BYTES, Wire

PIECE_BYTES: Final = BULK_BYTES


class StreamRelay:
    """One tunnel between a stream and a wire."""

    __slots__ = ("_idle", "_main", "_over", "_scope", "stream", "wire")

    def __init__(self, stream: Stream, wire: Wire, idle: float) -> None:
        """`idle`: seconds without a byte either way after which the tunnel ends."""
        self.stream = stream
        self.wire = wire
        self._idle = idle
        self._over = False
        self._main: Task = current_task()
        self._scope = Timeout(idle)

    def __repr__(self) -> str:
        return f"<StreamRelay {self.stream!r} {self.wire!r}>"

    async def run(self, early: bytes) -> None:
        """Carry until both sides have finished; `early` goes to the stream first.

        Raises:
            TunnelIdle: nothing has moved for `idle` seconds.
            WireError: the wire broke.
        """
        wire = self.wire
        told, wire.on_hangup = wire.on_hangup, None
        back = wire.reactor.spawn(self._back(early), "HTTP/2 tunnel")
        broken: BaseException | None = None
        try:
            with self._scope as scope:
                while data := await self.stream.receive(inf):
                    await wire.send(data)
                    self._moved()
                wire.finish()
                await back.join()
            if scope.expired:
                raise TunnelIdle(ETIMEDOUT, "tunnel idle")
        except BaseException as error:  # no `finally`: compiled, an exception is lost where one awaits in it (ADR 16)
            broken = error
        self._over = True
        if broken is not None:
            wire.abort()
            if not back.done:
                back.cancel("the tunnel is over")
            raise broken
        wire.on_hangup = told

    def _moved(self) -> None:
        self._scope.deadline = monotonic() + self._idle

    def _going_on(self) -> bool:
        return not self._over

    async def _back(self, data: bytes) -> None:
        """From the wire to the stream."""
        try:
            while True:
                if data:
                    pending = self.stream.send(data, False)
                    if pending is not None:
                        await pending
                    self._moved()
                data = await self.wire.recv(PIECE_BYTES)
                if not data:
                    break
            self.stream.finish_sending()
        except Exception as error:
            if not isinstance(error, WireError):
                error = WireError(*error.args)
            self._main.interrupt(error, self._going_on)


async def relay(stream: Stream, wire: Wire, early: bytes, idle: float) -> None:
    """See `StreamRelay.run`."""
    await StreamRelay(stream, wire, idle).run(early)
