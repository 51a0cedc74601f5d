"""What OpenSSL keeps of one connection, and the bytes between it and the kernel: it knows a socket, and no wire.

Records are read and written in memory (`ssl.SSLObject` over two `MemoryBIO`s): one system call brings or takes whatever
the kernel has, as without TLS, and a short read still says that the kernel has no more. What had to be decrypted to be
looked at is *held* until it is read.

A record costs whatever is in it: one of a byte as many microseconds as a system call, a key update that is to be
answered 20 and more. So OpenSSL is given what was read of the kernel by `RECORDS` at a time, and who reads stands back
for others between them (`halted`).
"""

import socket
import ssl
from collections.abc import Callable
from errno import ECONNABORTED, EPROTO
from typing import Any, Final

from noderouter.reactor.errors import HandshakeError
from noderouter.reactor.tls_errors import failed, is_end, words_of

RECORD_BYTES: Final = 16384
"""The most that a record carries (RFC 8446 section 5.1)."""
RAW_BYTES: Final = RECORD_BYTES + 1024
"""A read of the kernel for a head: a whole record, and what frames it."""
RAW_BULK_BYTES: Final = 65536 + 4096
HANDSHAKE_BYTES: Final = 16384
"""What a peer may send before its handshake is done: long chains are verified at a price (16 ms for 90)."""
RECORDS: Final = 128
"""What one read takes of records, whatever is in them; more are for the next one."""
NO_DATA_BYTES: Final = 32768
"""What may come in a row that is no data: 27 bytes have a key derived for 20 µs, and are owed as many. A whole record,
and some tickets."""
OWED_BYTES: Final = 32768
"""What may be owed to a peer whom nothing else is said to."""
_HEAD: Final = 5
"""Bytes of a record before what it carries: a type, a version, a length."""


class TlsSession:
    """One end of one connection.

    Attributes:
        ended: nothing more will come; `truncated`: because somebody cut it off, or it would have said so (RFC 8446
            section 6.1).
        said: close_notify was sent, so that nothing can be.
        halted: a read has stopped although there is more, which the kernel will not tell of.
    """

    __slots__ = (
        "_at",
        "_head",
        "_held",
        "_into",
        "_left",
        "_more",
        "_no_data",
        "_out",
        "_raw",
        "_raw_recv",
        "_raw_send",
        "_raw_shutdown",
        "_shaken",
        "_ssl",
        "ended",
        "halted",
        "said",
        "truncated",
    )

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_side: bool, name: str | None) -> None:
        """`name` is what a client asks for, and the certificate has to be for, where `context` checks that."""
        self._into = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._raw_recv: Callable[[int], bytes] = sock.recv
        self._raw_send: Callable[[bytes], int] = sock.send
        self._raw_shutdown: Callable[[int], None] = sock.shutdown
        made: Any = context.wrap_bio(self._into, self._out, server_side, name)
        # What stands between is one more call in Python for each read and write.
        self._ssl: Any = made._sslobj
        self._held = b""
        self._raw = b""  # of the kernel, what of it from `_at` on OpenSSL was not given
        self._at = 0
        self._head = b""  # of a record, where all of its head is not here yet
        self._left = 0  # of the record that has begun
        self._more = True  # OpenSSL may have something
        self._no_data = 0
        self._shaken = 0
        self.ended = False
        self.truncated = False
        self.said = False
        self.halted = False

    # Reading

    def recv(self, size: int) -> bytes:
        """As `socket.recv`, of what is inside: less than `size` only where there is no more, b"" at the end.

        Raises:
            BlockingIOError: nothing has come.
            OSError: the connection broke, or what has come was forged.
        """
        data = b""
        if self._held:
            data, self._held = self._held[:size], self._held[size:]
        elif self._more and not self.ended:
            data = self._decrypt(size)
        have = len(data)
        if have == size or self.ended:
            return data
        want = RAW_BYTES if size <= RECORD_BYTES else RAW_BULK_BYTES
        pieces = [data] if data else []
        room = RECORDS
        empty = False  # so is the kernel
        while have < size and not self.ended:
            if not self._more:
                if not self._raw:
                    if empty and pieces:
                        break
                    try:
                        raw = self._raw_recv(want)
                    except BlockingIOError:
                        break
                    empty = len(raw) < want
                    self._take(raw)
                if room <= 0:
                    self.halted = True
                    break
                room -= self._load(room)
            data = self._decrypt(size - have)
            if data:
                pieces.append(data)
                have += len(data)
        if len(pieces) == 1:
            return pieces[0]
        if not pieces and not self.ended:
            raise BlockingIOError
        return b"".join(pieces)

    def _take(self, raw: bytes) -> None:
        """Take what was read of the kernel; b"" is its end."""
        if raw:
            self._raw = raw
            self._at = 0
        else:
            self._into.write_eof()

    def _load(self, most: int) -> int:
        """Give OpenSSL so many records of what was read of the kernel; answers how many these are.

        Raises:
            OSError: too much in a row is no data, for which a reader would be kept here as long as it comes; or too
                much is owed to the peer, which does not wait for it.
        """
        raw, at = self._raw, self._at
        size = len(raw)
        if not size:
            return 0
        if self._no_data > NO_DATA_BYTES or self._out.pending > OWED_BYTES:
            self.truncated = True
            self._end()
            words = "that are no data" if self._no_data > NO_DATA_BYTES else "that are owed to the peer"
            raise OSError(EPROTO, f"TLS: more than {NO_DATA_BYTES // 1024} KB {words}")
        begun, left, count = at, self._left, 0
        while at < size and count < most:
            if not left:
                head = self._head
                need = _HEAD - len(head)
                if size - at < need:
                    self._head = head + raw[at:]
                    at = size
                    break
                at += need
                if head:
                    head += raw[at - need : at]
                    self._head = b""
                    left = head[3] << 8 | head[4]
                else:
                    left = raw[at - 2] << 8 | raw[at - 1]
            step = min(left, size - at)
            at += step
            left -= step
            count += left == 0
        self._left = left
        self._no_data += at - begun
        self._into.write(raw if begun == 0 and at == size else raw[begun:at])
        if at == size:
            raw = b""
            at = 0
        self._raw = raw
        self._at = at
        return max(count, 1)

    def _end(self) -> None:
        """Nothing more will come. The kernel is told, as the peer may not have told it (FIN): then it says so to the
        reactor, and an end that came behind data is seen by who waits next."""
        self.ended = True
        try:
            self._raw_shutdown(socket.SHUT_RD)
        except OSError:
            pass  # it is known there

    def _decrypt(self, size: int) -> bytes:
        """At most `size` bytes of what was read of the kernel; `_more` says whether there may be others.

        Raises:
            OSError: it was forged, or the peer gave an alert.
        """
        tls, into = self._ssl, self._into
        self._more = False
        pieces: list[bytes] = []
        have = 0
        try:
            while have < size:
                # Python makes room for all that is asked for, and OpenSSL fills a record of it.
                data: bytes = tls.read(min(size - have, RECORD_BYTES))
                if not data:
                    self._end()
                    break
                pieces.append(data)
                have += len(data)
                if have < size and not into.pending and not into.eof:
                    break
            self._more = have == size
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._end()
        except ssl.SSLError as error:
            self.truncated = True
            self._end()
            if not is_end(error):
                self.tell()
                raise OSError(EPROTO, f"TLS: {words_of(error)}") from None
        if have:
            self._no_data = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def hold(self, size: int) -> bytes:
        """Return what has come so far, at most `size` bytes, which stays to be read.

        Raises:
            OSError: as `recv`.
        """
        room = RECORDS
        while len(self._held) < size and not self.ended:
            if self._more:
                self._held += self._decrypt(RECORD_BYTES)
                continue
            if room <= 0:
                break
            if not self._raw:
                try:
                    self._take(self._raw_recv(RAW_BYTES))
                except BlockingIOError:
                    break
            room -= self._load(room) or 1
            self._more = True
        return self._held[:size]

    @property
    def more(self) -> bool:
        """Whether something was taken of the kernel that may be data, and was not looked at."""
        return self._more or bool(self._raw)

    @property
    def quiet(self) -> bool:
        """Whether nothing was taken of the kernel that is to be read, be it data, an end or an error."""
        return not self._held and not self.ended and not self.more

    # Writing

    def seal(self, data: bytes | memoryview) -> bytes:
        """The records that carry `data`, behind what OpenSSL had to say.

        Raises:
            OSError: nothing can be said any more.
        """
        write = self._ssl.write
        try:
            if len(data) <= RECORD_BYTES:
                if len(data):
                    write(data)
            else:
                view = memoryview(data)
                done = 0
                while done < len(data):
                    done += write(view[done : done + RECORD_BYTES])
        except ssl.SSLError as error:
            raise OSError(EPROTO, f"TLS: {words_of(error)}") from None
        sealed: bytes = self._out.read()
        return sealed

    def tell(self) -> None:
        """Send what OpenSSL has to say (an alert), if the kernel takes it at once."""
        if self._out.pending:
            try:
                self._raw_send(self._out.read())
            except OSError:
                pass

    def farewell(self) -> bytes:
        """The record that says that nothing more will be sent; b"" where that cannot be said.

        OpenSSL would look for the peer's at once, and take data that it finds for an error: so that is held first.
        """
        if self.said or self._shaken >= 0:
            return b""
        self.said = True
        try:
            while self._more and not self.ended:
                self._held += self._decrypt(RECORD_BYTES)
            self._ssl.shutdown()
        except OSError:  # also that the peer has not said so yet
            pass
        sealed: bytes = self._out.read()
        return sealed

    # The handshake

    def shake(self) -> bool:
        """Take one step of the handshake; whether it is complete.

        Raises:
            HandshakeError: no keys can be agreed on.
        """
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            if self._shaken > HANDSHAKE_BYTES:
                raise HandshakeError(
                    EPROTO, "TLS: more than 16 KB before the handshake was done", "too_large"
                ) from None
            return False
        except ssl.SSLError as error:
            raise failed(error, self._ssl) from None
        self._shaken = -1
        return True

    def owed(self) -> bytes:
        """What OpenSSL wants to be sent."""
        sealed: bytes = self._out.read()
        return sealed

    def feed(self) -> None:
        """Read of the kernel what the handshake may go on with.

        Raises:
            BlockingIOError: nothing has come.
            OSError: the connection broke.
        """
        raw = self._raw_recv(HANDSHAKE_BYTES + 1 - self._shaken)
        if not raw:
            raise HandshakeError(ECONNABORTED, "closed within the handshake of TLS", "closed")
        self._shaken += len(raw)
        self._take(raw)
        self._load(RAW_BULK_BYTES)
        self._no_data = 0

    @property
    def ahead(self) -> bool:
        """Whether something was read of the kernel that nobody has looked at."""
        return self._into.pending > 0

    # What was agreed on

    @property
    def alpn(self) -> str | None:
        """The protocol that both have chosen (RFC 7301); None where one of them knows none of the other's."""
        chosen: str | None = self._ssl.selected_alpn_protocol()
        return chosen

    @property
    def version(self) -> str:
        """As `TLSv1.3`."""
        return str(self._ssl.version())

    @property
    def cipher(self) -> str:
        """As `TLS_AES_256_GCM_SHA384`."""
        return str(self._ssl.cipher()[0])

    @property
    def certificate(self) -> bytes | None:
        """The peer's, in DER; None where it has shown none."""
        der: bytes | None = self._ssl.getpeercert(True)
        return der
