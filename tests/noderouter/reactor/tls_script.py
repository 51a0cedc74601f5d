"""The other end of a connection of `tls_fuzz.py`: a handshake by OpenSSL, then a script of records sealed by hand."""

import socket
import ssl
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.noderouter.reactor.tls_records import ALERT, CIPHERS_1_2, CLOSE_NOTIFY, DATA, HANDSHAKE, Records
from tests.testing.tls import HOST, client_context, server_context

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="tls-fuzz-")
KEYS: Final = Path(_FOLDER.name) / "keys"
"""Where contexts log the secrets of connections."""
SIZES: Final = (1, 2, 100, 1400, 16383, 16384)
CLIENT_HELLO: Final = b"\x01\x00\x00\x2d\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00"
HELLO_REQUEST: Final = b"\x00\x00\x00\x00"


@cache
def context_of(server_side: bool, version: int) -> ssl.SSLContext:
    """Ours where `version` is 0; else the peer's, which logs its keys."""
    context = server_context() if server_side else client_context()
    if server_side:
        context.num_tickets = 0
    if version:
        context.keylog_filename = str(KEYS)
    if version == 12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS_1_2)
    return context


def sockets(buffer: int) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over loopback; with a small buffer its writers soon wait."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = socket.socket()
        made = [other]
        if buffer:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        other.connect(server.getsockname())
        ours, _ = server.accept()
        made.append(ours)
    for each in made:
        each.setblocking(False)
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, other


def ticket(rng: Random) -> bytes:
    """NewSessionTicket (RFC 8446 section 4.6.1)."""
    inner = bytes(8) + b"\x01" + rng.randbytes(1) + b"\x00\x20" + rng.randbytes(32) + b"\x00\x00"
    return b"\x04" + len(inner).to_bytes(3, "big") + inner


class Peer:
    """The other end: what it says is sealed by `records`; what it hears OpenSSL opens."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.sock = sock
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_side, None if server_side else HOST)
        self.flight = bytearray()
        """What came before the keys."""
        self.heard = bytearray()
        self.end = ""
        """How what is heard has ended: "said", "cut", or the words of an error."""

    def take(self, *, data: bool) -> None:
        """Take what has come."""
        try:
            raw = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError as error:
            self.end = self.end or str(error)
            return
        if raw:
            self.into.write(raw)
            if not data:
                self.flight += raw
        elif not self.into.eof:
            self.into.write_eof()
        if data:
            self.open()

    def open(self) -> None:
        while not self.end:
            try:
                data = self.tls.read(65536)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                self.end = "said"
            except ssl.SSLError as error:
                self.end = "cut" if "EOF" in str(error) else str(error)
            else:
                self.heard += data
                if not data:
                    self.end = "said"


class Script:
    """What the peer says behind the handshake.

    Attributes:
        said: the data, up to where it went wrong.
        end: "open", "said", "cut", "reset", "wrong", or "perhaps" where it is for OpenSSL to say what is too much.
    """

    def __init__(self, rng: Random, records: Records, *, server_side: bool) -> None:
        self._rng = rng
        self._records = records
        self._server_side = server_side
        self._no_data = self._updates = 0
        self.said = bytearray()
        self.end = "open"
        self.parts: list[bytes] = []
        for _ in range(rng.choice((0, 1, 3, 10, 40))):
            self._step()
        self._finish()

    def _add(self, record: bytes, data: bytes = b"") -> None:
        self.parts.append(record)
        self.said += data
        self._no_data = 0 if data else self._no_data + 1
        if self._no_data > 20:
            self.end = "perhaps"

    def _step(self) -> None:
        rng, seal = self._rng, self._records.seal
        kinds = ("data", "bulk", "tiny", "empty", "update", "updates", "ticket", "again")
        match rng.choices(kinds, (10, 3, 1, 1, 3, 0.5, 2, 0.2))[0]:
            case "data":
                data = rng.randbytes(rng.choice(SIZES))
                self._add(seal(DATA, data, rng.choice((0, 0, 0, 5)) if len(data) < 1000 else 0), data)
            case "bulk":
                for _ in range(rng.randint(2, 12)):
                    data = rng.randbytes(16384)
                    self._add(seal(DATA, data), data)
            case "tiny":
                for _ in range(rng.choice((50, 500, 5000))):
                    data = rng.randbytes(1)
                    self._add(seal(DATA, data), data)
            case "empty":
                for _ in range(rng.choice((1, 5, 40))):
                    self._add(seal(DATA, b""))
            case "update":
                self._update()
            case "updates":
                for _ in range(rng.choice((5, 25, 2000))):
                    self._update()
                    if rng.random() < 0.5:
                        self._add(seal(DATA, b"x"), b"x")
            case "ticket" if self._server_side and self._records.version == 13:
                self._add(seal(HANDSHAKE, ticket(rng)))
            case "again" if self._records.version == 12:  # OpenSSL says no, or ends it
                self._add(seal(HANDSHAKE, HELLO_REQUEST if self._server_side else CLIENT_HELLO))
                self.end = "perhaps"
            case _:
                pass

    def _update(self) -> None:
        if self._records.version == 13:
            self._updates += 1
            if self._updates > 1000:
                self.end = "perhaps"
            self._add(self._records.key_update(self._rng.choice((0, 1))))

    def _finish(self) -> None:
        rng, seal = self._rng, self._records.seal
        how = rng.choices(("open", "said", "said and more", "cut", "half", "reset", "wrong"), (3, 3, 1, 2, 2, 1, 4))[0]
        if how == "wrong":
            self.parts.append(self._wrong())
            self.end = "wrong"
        elif how.startswith("said"):
            self.parts.append(seal(ALERT, CLOSE_NOTIFY))
            if how != "said":
                self.parts.append(rng.choice((seal(DATA, b"late"), rng.randbytes(100), self._wrong())))
            self._now("said")
        elif how == "half":
            record = seal(DATA, b"never whole")
            self.parts.append(record[: rng.randrange(1, len(record))])
            self._now("cut")
        elif how != "open":
            self._now(how)

    def _now(self, how: str) -> None:
        self.end = how if self.end == "open" else self.end

    def _wrong(self) -> bytes:
        """What no peer may say."""
        rng, seal = self._rng, self._records.seal
        forged = bytearray(seal(DATA, b"forged"))
        forged[rng.randrange(5, len(forged))] ^= 1 << rng.randrange(8)
        kinds = [
            bytes(forged),
            rng.randbytes(200),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x17\x03\x03\xff\xff" + bytes(100),
            b"\x17\x03\x03\x00\x00",
            seal(ALERT, b"\x02\x28"),
            seal(ALERT, b"\x02"),
            seal(99, b"no such kind"),
            seal(HANDSHAKE, b"\x0f\x00\x00\x04junk"),
        ]
        if self._records.version == 13:
            kinds += [seal(HANDSHAKE, b"\x18\x00\x00\x01\x07"), seal(HANDSHAKE, CLIENT_HELLO), seal(20, b"\x01")]
        return rng.choice(kinds)
