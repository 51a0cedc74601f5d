"""How many connections wait to be accepted, as the kernel says it of a listening socket (Linux's `TCP_INFO`)."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

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
    """The figures; None once the socket is closed, or no longer listens."""
    try:
        info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(info) < _OFFSET + _WAITING.size or info[0] != _LISTEN:
        return None
    return Backlog(*_WAITING.unpack_from(info, _OFFSET))
