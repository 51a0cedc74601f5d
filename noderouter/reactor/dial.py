"""How connections are opened, to a literal address."""

import socket
from collections.abc import Awaitable, Callable
from errno import EINPROGRESS
from os import strerror

from noderouter.reactor.errors import WireError
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire

Dial = Callable[[Reactor, str, int], Awaitable[Wire]]
"""Opens a connection as `connect` does, ready to be spoken on."""


async def connect(reactor: Reactor, host: str, port: int) -> Wire:
    """Open a connection to a literal address; bound it by a `Timeout`.

    Raises:
        WireError: refused, unreachable, or no descriptor or port is left.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise WireError(*error.args) from None
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        status = sock.connect_ex((host, port))
        if status not in (0, EINPROGRESS):
            raise WireError(status, strerror(status))
        wire = Wire(reactor, sock)
    except OSError as error:
        sock.close()
        raise WireError(*error.args) from None
    try:
        await wire.wait_writable()
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status:
            raise WireError(status, strerror(status))
    except BaseException:
        wire.close()
        raise
    return wire
