"""What OpenSSL keeps of one connection, and the bytes between it and the kernel: it knows a socket, and no wire.

Records are read and written in memory (`ssl.SSLObject` over two `MemoryBIO`s): one system call brings or takes whatever
the kernel has, as without TLS, and a short read still says that the kernel has no more. What had to be decrypted to be
looked at is *held* until it is read.
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
LOOKS: Final = 8
"""Reads in a row that bring nothing but what is no data (tickets, key updates); then it counts as data."""
NO_DATA_BYTES: Final = 32768
"""What may come in a row that is no data: 27 bytes have a key derived for 20 µs, and are owed as many. A whole record,
and some tickets."""


class TlsSession:
    """One end of one connection.

    Attributes:
        ended: nothing more will come; `truncated`: because somebody cut it off, or it would have said so (RFC 8446
            section 6.1).
        said: close_notify was sent, so that nothing can be.
    """

    __slots__ = (
        "_held",
        "_into",
        "_more",
        "_no_data",
        "_out",
        "_raw_recv",
        "_raw_send",
        "_raw_shutdown",
        "_shaken",
        "_ssl",
        "ended",
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
        self._more = True
        self._no_data = 0
        self._shaken = 0
        self.ended = False
        self.truncated = False
        self.said = False

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
        while have < size and not self.ended:
            if pieces and self._more:
                data = self._decrypt(size - have)  # behind what was held
            else:
                try:
                    raw = self._raw_recv(want)
                except BlockingIOError:
                    break
                self._feed(raw)
                data = self._decrypt(size - have)
                if data and len(raw) < want:
                    pieces.append(data)
                    break
            if data:
                pieces.append(data)
                have += len(data)
        if len(pieces) == 1:
            return pieces[0]
        if not pieces and not self.ended:
            raise BlockingIOError
        return b"".join(pieces)

    def _feed(self, raw: bytes) -> None:
        """Raises OSError where too much in a row is no data: a reader would be kept here for as long as it comes."""
        if not raw:
            self._into.write_eof()
            return
        if self._no_data > NO_DATA_BYTES:
            self.truncated = True
            self._end()
            raise OSError(EPROTO, f"TLS: more than {NO_DATA_BYTES // 1024} KB that are no data")
        self._no_data += len(raw)
        self._into.write(raw)

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
        for _ in range(LOOKS):
            if len(self._held) >= size or self.ended:
                break
            if self._more:
                self._held += self._decrypt(RECORD_BYTES)
                continue
            try:
                raw = self._raw_recv(RAW_BYTES)
            except BlockingIOError:
                break
            self._feed(raw)
            self._more = True
        return self._held[:size]

    def quiet(self) -> bool:
        """Whether there is nothing to read, be it data, an end or an error. What is no data is taken in on the way."""
        try:
            self.hold(1)
        except OSError:
            return False
        return not self._held and not self.ended and not self._more

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
            raise failed(error) from None
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
        self._into.write(raw)

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
