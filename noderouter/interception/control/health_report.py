"""How the router is doing, for the keeper: what it says of itself, and what was measured from outside of the data path.

The limits are the keeper's (`noderouter/interception/keeper/health_gate.py`). How many connections wait to be accepted
is the kernel's own figure of a listening socket (Linux's `TCP_INFO`).
"""

import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from noderouter.interception.control.probe import CapturePoint, Probe
from noderouter.interception.control.replies import printable
from noderouter.interception.keeper.protocol import Progress
from noderouter.reactor.host import Lag

_LISTEN: Final = 10
"""The state of a listening socket, the first byte."""
_SIZE: Final = 104
_WAITING: Final = struct.Struct("=II")
_OFFSET: Final = 24
"""Of `tcpi_unacked` and `tcpi_sacked`: for a listening socket, how many wait and how many may."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Connections that the kernel has established and nobody has accepted."""

    waiting: int
    most: int
    """Beyond that, the kernel drops what comes."""


def backlog_of(listening: socket.socket) -> Backlog | None:
    """Return the figures; None once the socket is closed, or no longer listens."""
    try:
        info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(info) < _OFFSET + _WAITING.size or info[0] != _LISTEN:
        return None
    return Backlog(*_WAITING.unpack_from(info, _OFFSET))


MAX_WORDS: Final = 200
"""Of `not_ready`, in the protocol."""


class HealthReport:
    """Lag, backlog and probe of one router; the owner runs the tasks of `lag` and `probe`."""

    def __init__(self, point: CapturePoint, missing: Callable[[], Iterable[str]]) -> None:
        """`missing` yields in words what the router waits for before it can be given connections."""
        self.lag = Lag()
        self.probe = Probe(point)
        self._point = point
        self._missing = missing

    def not_ready(self) -> str:
        """Return what is missing, in words; empty if nothing is."""
        words = list(self._missing())
        if self.probe.succeeded_at is None:
            words.append(f"no probe of the capture port has come back: {self.probe.error}")
        elif backlog_of(self._point.listening) is None:
            words.append("the capture port is closed")
        return printable("; ".join(words), MAX_WORDS)

    def take(self) -> Progress:
        """Return the report as of now; its lag is the worst since the last call."""
        backlog = backlog_of(self._point.listening)
        waiting, most = (0, 0) if backlog is None else (backlog.waiting, backlog.most)
        lag = int(self.lag.take() * 1000)
        return Progress(self.not_ready(), lag, waiting, most, self.probe.took_ms, self.probe.age_ms())
