"""Opens the administrative port, and the one for probes.

Done by us, before hypercorn is imported: so that a port that cannot be had is an error at start, in words, and so
that a probe that comes early waits in the backlog instead of being refused.
"""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from noderouter.core.host_port import join_host_port

BACKLOG: Final = 128
STUCK_MS: Final = 10_000
"""How long a peer may leave what was sent to it unread, also behind the end of its connection."""
SILENT_SECONDS: Final = 15
"""After so long without a byte a peer is asked by its kernel whether it is still there; `STUCK_MS` to answer."""
SEND_BYTES: Final = 128 * 1024
"""What the kernel buffers of an answer for a client that does not read; it doubles the number for its own needs."""

_REASONS: Final = {
    errno.EADDRINUSE: "something else listens there already; stop it, or set another `{key}.port`",
    errno.EADDRNOTAVAIL: "this machine has no such address; see `{key}.ip`",
    errno.EACCES: "not permitted; ports below 1024 need the capability NET_BIND_SERVICE",
}

_WHAT: Final = {"admin": "admin port", "admin.probes": "port for probes"}


class AdminListenError(Exception):
    """The administrative port cannot be opened; the message has the reason and a hint."""


def open_unix(path: Path, key: str = "admin.probes.socket") -> socket.socket:
    """Open a unix socket that listens at `path`, in place of a predecessor's; owned by the caller.

    Every process that reaches the folder may connect: what is shown there is no secret.

    Raises:
        AdminListenError: it cannot be had.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            made.unlink()
        sock.bind(str(made))
        made.chmod(0o666)
        sock.listen(BACKLOG)
        made.replace(path)
    except OSError as error:
        sock.close()
        raise AdminListenError(f"cannot listen at {path}: {error.strerror or error}; see `{key}`") from error
    return sock


def names_of(sock: Any) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return the peer's and the own address of a connection (a socket, or trio's); of a unix socket, loopback's.

    Raises:
        OSError: the peer has left already.
    """
    if sock.family == socket.AF_UNIX:
        return ("127.0.0.1", 0), ("127.0.0.1", 0)
    return sock.getpeername()[:2], sock.getsockname()[:2]


def open_socket(
    ip: str, port: int, key: str = "admin", *, shared: bool = False, stuck_ms: int = STUCK_MS
) -> socket.socket:
    """Open a listening socket, owned by the caller.

    Args:
        ip: a literal IPv4 or IPv6 address.
        port: 0 lets the system choose.
        key: where the configuration has both, for errors.
        shared: whether another process of this user may listen there, too (SO_REUSEPORT).
        stuck_ms: see `STUCK_MS`.

    Raises:
        AdminListenError: it cannot be had.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        # Connections inherit these from the listener.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stuck_ms)
        # Who looks at a stream on which nothing comes, and vanishes, would keep his place.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_SECONDS)
        sock.bind((ip, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error)).replace("{key}", key)
        raise AdminListenError(f"cannot open the {_WHAT[key]} {join_host_port(ip, port)}: {reason}") from error
    sock.setblocking(False)
    return sock
