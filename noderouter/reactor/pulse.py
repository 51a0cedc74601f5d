"""How long what is ready waits for its turn on the reactor: a byte is sent through the epoll, and timed.

It queues behind everything that is ready already, as a request's bytes do. The lag of the control plane
(`host.Lag`) does not show that: it gets its turns however much is waiting here.
"""

import socket
from time import monotonic

from noderouter.reactor.errors import WireError
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire


class Pulse:
    """A coroutine that answers `beat`.

    Attributes:
        beats: those that were answered.
    """

    __slots__ = ("_last", "_sent", "_sock", "_wire", "beats")

    def __init__(self, reactor: Reactor) -> None:
        """Opens a pair of sockets, and runs until `close`."""
        self._sock, other = socket.socketpair()
        for sock in (self._sock, other):
            sock.setblocking(False)
        self._wire = Wire(reactor, other)
        self._sent: float | None = None
        self._last = 0.0
        self.beats = 0
        reactor.spawn(self._answer(), "pulse")

    def beat(self) -> None:
        """Send a byte, unless one is on its way."""
        if self._sent is None:
            self._sent = monotonic()
            self._sock.send(b"\0")

    def delay(self) -> float:
        """How long the last byte took, or how long the one on its way has taken so far; seconds."""
        return self._last if self._sent is None else max(self._last, monotonic() - self._sent)

    def close(self) -> None:
        """End."""
        self._sock.close()
        self._wire.close()

    async def _answer(self) -> None:
        try:
            while await self._wire:
                if self._sent is not None:
                    self._last = monotonic() - self._sent
                    self._sent = None
                    self.beats += 1
        except WireError:
            pass  # closed here
        finally:
            self._wire.close()
