"""One process takes another's place at a port without a connection being lost: both listen there (SO_REUSEPORT).

    predecessor            successor
    listens                is bound, and does not listen: every connection is the predecessor's
    listens                has become ready, and listens: the kernel gives each some
    is told to end         …
    `hand_over`            every new connection is the successor's
    accepts what is left   …
    closes                 …

Closing at once would reset what the kernel has accepted already, or is about to (only `net.ipv4.tcp_migrate_req` saves
those, which is off by default and not ours to set). So a filter of the group is told first whose new connections are
(SO_ATTACH_REUSEPORT_CBPF, Linux 4.5; needs no privilege): it returns the place of a socket in the group, in the
order in which they began to listen. Which place is whose nobody tells; so it is tried out with a connection of our own.
The filter is the group's and stays when its author has gone, so who begins to listen undoes it.
"""

import select
import socket
import struct
from array import array
from collections.abc import Callable
from contextlib import suppress
from errno import EAGAIN
from os import strerror
from typing import Final

from noderouter.core.host_port import dial, unmapped

SO_ATTACH_REUSEPORT_CBPF: Final = 51
BPF_RET_K: Final = 0x06
PLACES: Final = (1, 0)
"""In the group: usually the successor is behind us. Of more than two, the third one's turn comes when one has ended."""
NOBODY: Final = 0xFFFF
"""A place that no socket has: the kernel gives each some, as without a filter."""
TRIES: Final = 10
MOST: Final = 4096
"""Connections that are accepted for one trial: a client that keeps on connecting delays nothing for long."""
TRIAL_MS: Final = 20
"""How long a connection to ourselves may take, where the loopback is not at once."""
HANDSHAKE_SECONDS: Final = 1.0
"""How long a handshake that began before may take to end: many times the way to any other node and back."""

Newcomer = Callable[[socket.socket, tuple[str, int]], None]
"""Takes a connection and the address of its peer."""


def is_served(host: str, port: int) -> bool:
    """Whether some process listens at a literal address of this host: whether it takes a connection."""
    try:
        with dial(host, port) as sock:  # who refuses has done so by now; a full backlog is somebody's
            return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except OSError:
        return False


def hand_over(listening: socket.socket, admit: Newcomer) -> bool:
    """Have new connections go to another socket of the group; answers whether there is one that takes them.

    Args:
        listening: ours, non-blocking.
        admit: is given what comes here meanwhile.

    Raises:
        OSError: the kernel has no such filter, or we cannot connect to ourselves.
    """
    try:
        for place in PLACES:
            steer(listening, place)
            if not _comes_here(listening, admit):
                return True
    except OSError:
        share(listening)
        raise
    return False


def share(listening: socket.socket) -> None:
    """Let the kernel give each socket of the group some, as it does by itself."""
    with suppress(OSError):
        steer(listening, NOBODY)


def steer(listening: socket.socket, place: int) -> None:
    """Give all new connections of the group to the socket in that place; where there is none, to any.

    Raises:
        OSError: this kernel cannot.
    """
    program = array("B", struct.pack("=HBBI", BPF_RET_K, 0, 0, place))
    address, _ = program.buffer_info()
    listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("@HP", 1, address))


def _comes_here(listening: socket.socket, admit: Newcomer) -> bool:
    """Whether a new connection comes to this socket of the group.

    Raises:
        OSError: none can be made.
    """
    host, port = listening.getsockname()[:2]
    why = 0
    for _ in range(TRIES):
        with dial(host, port) as probe:
            own = probe.getsockname()[:2]
            poll = select.poll()
            poll.register(probe, select.POLLOUT)
            came = _accept(listening, own, admit)
            if not came and poll.poll(TRIAL_MS) and _is_connected(probe):
                return _accept(listening, own, admit)  # it may have come between the two
            if came:
                return True
            why = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or why
    reason = strerror(why) if why else "the backlog is full, or what is sent over loopback is dropped"
    raise OSError(why or EAGAIN, f"no connection to ourselves could be made: {reason}")


def _accept(listening: socket.socket, wanted: tuple[str, int], admit: Newcomer) -> bool:
    """Accept what waits; whether `wanted` was among it, or may be: more waits than can be looked at."""
    found = False
    for _ in range(MOST):
        try:
            peer, address = listening.accept()
        except BlockingIOError:
            return found
        except ConnectionAbortedError:
            continue
        if (unmapped(address[0]), address[1]) == wanted:
            found = True
            peer.close()
        else:
            admit(peer, (address[0], address[1]))
    return True


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
