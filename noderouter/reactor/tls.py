"""A wire whose bytes are encrypted (RFC 8446): the same interface, so that no codec, pool or tunnel knows.

Three things that a socket cannot tell apart are told here: the end that was said (close_notify) and the one that was
not (`truncated`); bytes that are data and bytes that are not (tickets, key updates); and what was said from what is
still to be sealed.

`unsent` is ciphertext, so `drain` is that of any wire. It is never spliced, and knows no urgent data.

The handshake is stepped as bulk (`reactor.loop`): it is thirty times as dear as a request, and many may come at once.
"""

import select
import ssl
from errno import EBADF, ECONNRESET
from typing import Final

from noderouter.reactor.errors import HandshakeError, WireError
from noderouter.reactor.task import sleep, stand_back
from noderouter.reactor.tls_session import TlsSession
from noderouter.reactor.wire import GONE, Wire

LATE_SECONDS: Final = 0.05
LATE_TRIES: Final = 1200
"""How often, and for how long, a close_notify is tried again that did not fit into the kernel: for a minute."""


class TlsWire(Wire):
    """A wire with TLS on it; `handshake` comes first."""

    __slots__ = ("_resuming", "_sealed", "session")

    def __init__(self, plain: Wire, context: ssl.SSLContext, *, server_side: bool, name: str | None = None) -> None:
        """Take over the socket of `plain`, which is of no use from then on.

        Args:
            plain: nothing of it has been read, and nobody waits on it.
            context: with the certificates, the versions and the protocols.
            server_side: whether the peer speaks first.
            name: of the server, for SNI; the certificate has to be for it, where `context` checks names.

        Raises:
            WireError: the kernel watches no more descriptors; the socket is closed.
        """
        sock = plain.sock
        session = TlsSession(sock, context, server_side, name)
        plain.reactor.forget(plain)
        plain.closed = True
        try:
            super().__init__(plain.reactor, sock)
        except OSError as error:
            sock.close()
            raise WireError(*error.args) from None
        self.session = session
        self._resuming = False
        self._sealed = 0
        self.splice_fd = -1
        self.received, self.sent = plain.received, plain.sent

    def __repr__(self) -> str:
        state = "closed" if self.closed else "hung up" if self.hung_up else "open"
        return f"<TlsWire fd={self.fd} {state}>"

    async def handshake(self) -> None:
        """Agree on keys; bound it by a `Timeout`.

        Raises:
            HandshakeError: it failed; the peer was told why, as far as it can be.
            WireError: the connection broke, or is closed here.
        """
        session = self.session
        while True:
            await stand_back()
            try:
                done = session.shake()
            except HandshakeError:
                session.tell()
                raise
            owed = session.owed()
            if owed and not Wire.put(self, owed):
                await self.drain()
            if done:
                break
            while not self._fed():
                await self.wait_readable()
                if self.closed:
                    raise WireError(EBADF, "closed here")
        self.sent = 0  # of what is inside
        if session.ahead:
            self.readable = True  # the kernel will not tell: it has none of it

    def _fed(self) -> bool:
        """Whether something came that the handshake can go on with."""
        if not self.readable:
            return False
        try:
            self.session.feed()
        except BlockingIOError:
            self.readable = False
            return False
        except HandshakeError:
            raise
        except OSError as error:
            raise WireError(*error.args) from None
        return True

    def unusual(self, mask: int) -> None:
        """See `Wire`."""
        if mask & ~select.EPOLLPRI:
            Wire.unusual(self, mask & ~select.EPOLLPRI)

    # Reading

    def _go_on(self) -> None:
        """A read has left something, for others to have their turn: what is left is to be read when they had it."""
        self.session.halted = False
        if not self._resuming:
            self._resuming = True
            self.reactor.spawn(self._resume(), "more records")

    async def _resume(self) -> None:
        await stand_back()
        self._resuming = False
        self._looked()

    def _looked(self) -> None:
        """What was taken of the kernel to be looked at is to be read, though no edge will tell of it."""
        if self.session.quiet:
            return
        self.readable = True
        reader, self.reader = self.reader, None
        if reader is not None:
            self.reactor.schedule(reader)

    def peek(self, size: int) -> bytes:
        """See `Wire`."""
        try:
            return self.session.hold(size)
        except OSError as error:
            raise WireError(*error.args) from None
        finally:
            self._looked()

    def receive(self, size: int) -> bytes:
        """See `Wire`."""
        session = self.session
        try:
            return session.recv(size)
        finally:
            if session.halted:
                self._go_on()

    def recv_into(self, buffer: bytearray) -> int:
        """See `Wire`; an end that was not said is an error, as a stream tells nobody else where it ends."""
        data = self.receive(len(buffer))
        size = len(data)
        if not size and self.session.truncated:
            raise WireError(ECONNRESET, "cut off: the peer has not said that it is the end (close_notify)")
        buffer[:size] = data
        return size

    def silent(self) -> bool:
        """See `Wire`; what comes to an idle connection may be no data."""
        if self._empty() and not self.session.ended:
            self.readable = False
            return True
        return False

    def ended(self) -> bool:
        """See `Wire`."""
        return self._empty() and self.session.ended

    def _empty(self) -> bool:
        """Whether nothing is there to be read but an end, perhaps."""
        try:
            return not self.session.hold(1) and not self.session.more
        except OSError:
            return False
        finally:
            self._looked()

    def cut(self) -> bool:
        """See `Wire`."""
        return self.session.truncated

    def at_mark(self) -> bool:
        """See `Wire`: records have no marks."""
        return False

    def peek_urgent(self) -> bytes:
        """See `Wire`."""
        return b""

    # Writing

    def put(self, data: bytes) -> bool:
        """See `Wire`."""
        try:
            sealed = self.session.seal(data)
        except OSError as error:
            raise WireError(*error.args) from None
        before = self.sent + len(data)
        done = Wire.put(self, sealed)
        rest = self.unsent
        self.sent = before if rest is None else before - len(rest)  # which `drain` counts
        return done

    def send_some(self, data: memoryview | bytes, flags: int = 0) -> int:
        """See `Wire`. What was sealed and not taken by the kernel is to be given again, as it was (as with SSL_write).

        An urgent byte is no part of the stream, and cannot be carried.
        """
        if flags:
            return len(data)
        sealed = self._sealed
        if not sealed:
            sent, sealed = self.sent, len(data)
            whole = Wire.put(self, self.session.seal(data))
            self.sent = sent  # whoever carries a stream counts it
            if whole:
                return sealed
            self._sealed = sealed
            raise BlockingIOError
        if not self._flushed():
            raise BlockingIOError
        self._sealed = 0
        return sealed

    def _flushed(self) -> bool:
        """Whether the kernel has now taken all that was left."""
        unsent = self.unsent
        if unsent is None:
            return True
        taken: int = self.sock.send(unsent)
        self.unsent = unsent[taken:] if taken < len(unsent) else None
        return self.unsent is None

    def finish(self) -> None:
        """See `Wire`: close_notify, and FIN behind it. The peer may go on sending (RFC 8446 section 6.1)."""
        if self.closed:
            return
        farewell = self.session.farewell()
        rest = self.unsent
        try:
            if rest is not None:
                self.unsent = memoryview(bytes(rest) + farewell)
            elif farewell:
                Wire.put(self, farewell)
        except WireError:
            pass  # it is dead, which whoever reads will see
        if self.unsent is None:
            Wire.finish(self)
        else:
            self.reactor.spawn(self._finish_late(), "close_notify")

    async def _finish_late(self) -> None:
        """Send the last record when there is room for it; a tunnel needs the place of the writer for itself."""
        for _ in range(LATE_TRIES):
            await sleep(LATE_SECONDS)
            if self.closed:
                return
            try:
                if self._flushed():
                    break
            except BlockingIOError:
                continue
            except OSError:
                return
        Wire.finish(self)

    def close(self) -> None:
        """See `Wire`; says close_notify, if that goes into the kernel at once."""
        if not self.closed and self.unsent is None and not self.hung_up & GONE:
            farewell = self.session.farewell()
            if farewell:
                try:
                    self.sock.send(farewell)
                except OSError:
                    pass
        Wire.close(self)

    def abort(self) -> None:
        """See `Wire`; says nothing, so that what was sent is not taken for all."""
        self.session.said = True
        Wire.abort(self)
