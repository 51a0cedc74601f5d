"""A non-blocking stream socket that data-plane coroutines await.

Theory of operation: the socket sits in the reactor's epoll, edge-triggered, for its whole life. `readable` and
`writable` remember edges. A read waits first and reads then (a failed try costs a system call and an exception);
after a short read the kernel's buffer is known to be empty, unless the peer has hung up. One task may wait for
reading and one for writing, not necessarily the same.

`hangup` sees the peer leave even when nobody reads: that is how an exchange learns that its client is gone. `urgent`
says that there is a byte of urgent data; only tunnels care, to others it is not there.
"""

import select
import socket
from collections.abc import Callable, Generator
from errno import EBADF, ETIMEDOUT
from fcntl import ioctl
from math import inf
from os import strerror
from sys import byteorder
from typing import Final

from noderouter.reactor.errors import WireError, WireStalled
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import PARK, Task, Timeout, current_task, running

READ_BYTES: Final = 16384
"""A read for heads and small bodies."""

BULK_BYTES: Final = 65536
"""A read while a body streams."""

GONE: Final = select.EPOLLHUP | select.EPOLLERR
"""Event bits of a connection that is dead in both directions."""

HANGUP: Final = GONE | select.EPOLLRDHUP
"""The same, or the peer has finished sending."""

_SIOCOUTQ: Final = 0x5411
_SIOCATMARK: Final = 0x8905
_ZERO: Final = bytes(4)

STEP_BYTES: Final = 131072
"""Room for reads in a row that found data waiting; then others get their turn."""


class Wire:
    """One connection. Closing is the owner's duty; everything else is for any holder.

    `bulk`: its reader moves bulk, and is stepped after all others (`reactor.loop`). `received` and `sent` are bytes
    that went through it, until their counter takes them. `splice_fd` is for splice(2), -1 where bytes are copied.
    """

    __slots__ = (
        "_size",
        "_streak",
        "bulk",
        "closed",
        "fd",
        "hung_up",
        "on_hangup",
        "reactor",
        "readable",
        "reader",
        "received",
        "sent",
        "sock",
        "splice_fd",
        "unsent",
        "urgent",
        "writable",
        "writer",
    )

    def __init__(self, reactor: Reactor, sock: socket.socket) -> None:
        """Take over `sock`, which must be non-blocking."""
        self.reactor = reactor
        self.sock = sock
        self.fd = self.splice_fd = sock.fileno()
        self._streak = 0
        self._size = READ_BYTES
        self.bulk = False
        self.received = 0
        self.sent = 0
        self.readable = False
        self.writable = False
        self.hung_up = 0
        self.urgent = False
        self.closed = False
        self.reader: Task | None = None
        self.writer: Task | None = None
        self.unsent: memoryview | None = None
        self.on_hangup: Callable[[int], None] | None = None
        reactor.register(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "hung up" if self.hung_up else "open"
        return f"<Wire fd={self.fd} {state}>"

    def unusual(self, mask: int) -> None:
        """Called by the reactor: urgent data (PRI), or the peer has left."""
        if mask & select.EPOLLPRI:
            self.urgent = True
        if mask & HANGUP:
            self.hangup(mask)

    def hangup(self, mask: int) -> None:
        """The peer has finished sending (RDHUP) or the connection is dead (HUP, ERR)."""
        self.hung_up |= mask
        if self.on_hangup is not None and self.reader is None:
            self.on_hangup(mask)

    def __await__(self) -> Generator[None, None, bytes]:
        """``data = await wire``: wait for bytes, at most `READ_BYTES`, or b"" when the peer has finished sending.

        The wire is its own awaitable because every request waits twice, and each coroutine in between has its price.

        Raises:
            WireError: the connection was reset, or is closed here.
        """
        size = self._size
        while True:
            if self.readable:
                self._streak += size
                if self._streak > STEP_BYTES:
                    self._streak = size
                    self.reactor.defer(current_task())
                    yield
            else:
                self._streak = 0
                while not self.readable and not self.closed:
                    self.reader = running.task
                    try:
                        yield
                    except BaseException:
                        self.reader = None
                        raise
            if self.closed:
                raise WireError(EBADF, "closed here")
            try:
                data = self.receive(size)
            except BlockingIOError:
                self.readable = False
                continue
            except OSError as error:
                raise WireError(*error.args) from None
            got = len(data)
            self.received += got
            if got < size and not self.hung_up:
                self.readable = False
            return data

    def receive(self, size: int) -> bytes:
        """Read what is there, at most `size` bytes, which raises as `socket.recv` does; fewer are all there is."""
        return self.sock.recv(size)

    async def recv(self, size: int = READ_BYTES) -> bytes:
        """Wait for bytes, at most `size`; else as ``await wire``."""
        self._size = size
        self.bulk = size > READ_BYTES
        try:
            return await self
        finally:
            self._size = READ_BYTES
            self.bulk = False

    def peek(self, size: int) -> bytes:
        """Return what has come so far, at most `size` bytes, and leave it there; b"" where nothing has, or ever will.

        Raises:
            WireError: the connection was reset.
        """
        try:
            return self.sock.recv(size, socket.MSG_PEEK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise WireError(*error.args) from None

    def local(self) -> tuple[str, int]:
        """Return the address and port of our end."""
        return self.sock.getsockname()[:2]  # type: ignore[no-any-return]

    def recv_into(self, buffer: bytearray) -> int:
        """Read what is there into `buffer`, which raises as `socket.recv_into` does."""
        return self.sock.recv_into(buffer)

    def send_some(self, data: memoryview | bytes, flags: int = 0) -> int:
        """Hand the kernel what it takes now, which raises as `socket.send` does."""
        return self.sock.send(data, flags)

    def error_number(self) -> int:
        """Return the pending error of the connection, which is cleared (SO_ERROR); 0 for none."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def at_mark(self) -> bool:
        """Whether what comes next is an urgent byte (sockatmark(3))."""
        try:
            return ioctl(self.fd, _SIOCATMARK, _ZERO) != _ZERO
        except OSError:  # no TCP
            return False

    def peek_urgent(self) -> bytes:
        """Return the urgent byte; b"" where there is none any more."""
        try:
            return self.sock.recv(1, socket.MSG_OOB | socket.MSG_PEEK)
        except OSError:
            return b""

    def take_urgent(self) -> None:
        """Read the urgent byte, which is not part of the stream (RFC 9293 section 3.8.5)."""
        self.sock.recv(1, socket.MSG_OOB)
        self.urgent = False

    async def wait_readable(self) -> None:
        """Wait until there is something to read, or to accept."""
        while not self.readable and not self.closed:
            self.reader = current_task()
            try:
                await PARK
            except BaseException:
                self.reader = None
                raise

    def silent(self) -> bool:
        """Whether nothing is there to read after all; asks the kernel.

        `readable` alone may be left from what was read: by a read that took all there was and filled its buffer, or
        by an edge that was told when its bytes were read already.
        """
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.readable = False
            return True
        except OSError:
            return False
        return False

    def put(self, data: bytes) -> bool:
        """Hand `data` to the kernel; false when it did not take all: then await `drain` before the next `put`.

        Raises:
            WireError: the connection is broken.
        """
        try:
            taken: int = self.sock.send(data)
        except BlockingIOError:
            taken = 0
        except OSError as error:
            raise WireError(*error.args) from None
        self.sent += taken
        if taken == len(data):
            return True
        self.writable = False
        self.unsent = memoryview(data)[taken:]
        return False

    async def drain(self, patience: float = inf) -> None:
        """Wait until the kernel has taken what `put` left over.

        Raises:
            WireStalled: for `patience` seconds the peer has taken nothing.
            WireError: the connection is broken, or is closed here.
        """
        while self.unsent is not None:
            if patience == inf:
                await self.wait_writable()
            else:
                await self._writable_within(patience)
            if self.closed:
                raise WireError(EBADF, "closed here")
            try:
                taken: int = self.sock.send(self.unsent)
            except BlockingIOError:
                self.writable = False
                continue
            except OSError as error:
                raise WireError(*error.args) from None
            self.sent += taken
            if taken == len(self.unsent):
                self.unsent = None
            else:
                self.writable = False
                self.unsent = self.unsent[taken:]

    async def send(self, data: bytes, patience: float = inf) -> None:
        """Send all of `data`; waits while the peer does not read. `patience`: see `drain`."""
        if not self.put(data):
            await self.drain(patience)

    async def wait_writable(self) -> None:
        """Wait until the kernel takes something, or a connection is there."""
        while not self.writable and not self.closed:
            self.writer = current_task()
            try:
                await PARK
            except BaseException:
                self.writer = None
                raise

    async def _writable_within(self, patience: float) -> None:
        """Wait for room, as long as the peer takes anything at all.

        The kernel calls a full buffer writable only when a third of it is free, which a slow reader may need minutes
        for; so it is asked how much is still on its way.
        """
        left = self._outstanding()
        while True:
            with Timeout(patience):
                await self.wait_writable()
                return
            now = self._outstanding()
            if now >= left:
                raise WireStalled(ETIMEDOUT, strerror(ETIMEDOUT))
            left = now

    def _outstanding(self) -> int:
        """Bytes that the kernel has taken and the peer has not acknowledged (tcp(7), SIOCOUTQ)."""
        try:
            return int.from_bytes(ioctl(self.fd, _SIOCOUTQ, bytes(4)), byteorder)
        except OSError:  # no TCP
            return 0

    def ended(self) -> bool:
        """Whether the peer has finished sending and all of it was read; asks the kernel."""
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return False

    def cut(self) -> bool:
        """Whether the end was made by whoever cut the connection off, as far as that can be told: with TLS it can."""
        return False

    def keep_alive(self, seconds: int, unacknowledged: int = 0) -> None:
        """Have the kernel ask, after so many seconds of silence, whether the peer is there; nine times at most, and for
        `unacknowledged` seconds at most if that is not 0: so long it may hold what is not acknowledged, too."""
        for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, seconds // 4)),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged * 1000),
        ):
            try:
                self.sock.setsockopt(level, option, value)
            except OSError:
                return  # it is dead, which whoever reads or writes will see

    def finish(self) -> None:
        """Announce that nothing more will be sent (FIN); reading goes on. Harmless on a dead connection."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        """Close now; waiters on this wire get a WireError. Harmless when closed already."""
        if self.closed:
            return
        self.closed = True
        self.on_hangup = None
        for task in (self.reader, self.writer):
            if task is not None:
                self.reactor.schedule(task)
        self.reactor.release(self, self.sock)

    def abort(self) -> None:
        """Close with RST, so that the peer cannot take a cut-off message for a whole one."""
        if not self.closed:
            try:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            except OSError:
                pass
            self.close()
