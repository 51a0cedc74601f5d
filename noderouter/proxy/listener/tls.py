"""A connection whose client speaks TLS: keys are agreed on, then the codec that both have chosen serves it.

A stranger costs next to nothing until his first record is here whole: it is looked at where the kernel keeps it
(MSG_PEEK). Then he has to have a turn (`handshakes`). Everything up to the keys has `HANDSHAKE_SECONDS`.

Who is let in is decided here, after the handshake, whatever OpenSSL was told: where a certificate is asked for there
has to be one, and one that is valid now, also where an old session was resumed.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import ECONNABORTED, EPROTO, ETIMEDOUT
from fcntl import ioctl
from termios import FIONREAD
from time import monotonic, time
from typing import Final

from noderouter.core.connection import ConnectionInfo
from noderouter.core.peer_certificate import PeerCertificate
from noderouter.proxy.listener.either import DetectingConnection, MakeCodec
from noderouter.proxy.listener.handshakes import GIVES_WAY, Handshakes, Turn
from noderouter.proxy.listener.places import client_key
from noderouter.reactor.errors import Cancelled, HandshakeError, WireError
from noderouter.reactor.task import Task, Timeout
from noderouter.reactor.tls import TlsWire
from noderouter.reactor.tls_session import RECORD_BYTES, TlsSession
from noderouter.reactor.wire import GONE, Wire
from noderouter.telemetry.tls import TlsStats
from noderouter.tls.followed import Followed

HANDSHAKE_SECONDS = 5.0  # not Final: tests shorten it
"""From the connection to the keys; who has not begun is looked at twice a second."""
LINGER_SECONDS = 1.0
"""How long a client that is turned away may go on sending: a close with unread bytes would reset the connection, and
could destroy the alert that says why."""
NOTHING: Final = ""
"""Why a handshake failed that nobody has begun: who closes without a byte has looked whether the port is open."""
LINGER_BYTES: Final = 64 * 1024
TIMEOUT: Final = "timeout"
"""Why it has failed, for metrics."""
HEADER_BYTES: Final = 5
HANDSHAKE_RECORD: Final = 22
IPV6_BITS: Final = 64
"""What one client has of IPv6, at the least."""


@dataclass(slots=True, frozen=True)
class TlsServer:
    """What the connections of one server have in common."""

    followed: Followed
    handshakes: Handshakes
    codecs: Mapping[str | None, MakeCodec]
    """By the protocol that was agreed on (RFC 7301); None where none was."""
    identify: Callable[[bytes], PeerCertificate]
    """Reads a certificate in DER; raises ValueError."""
    stats: TlsStats
    required: bool = False
    """Whether clients have to show one."""


class TlsConnection(DetectingConnection):
    """One accepted connection; `run` is its coroutine, which owns and closes the wire."""

    __slots__ = ("_local", "_peer", "_server", "_since", "_turn")

    def __init__(self, wire: Wire, peer: tuple[str, int], local: tuple[str, int], server: TlsServer) -> None:
        super().__init__(wire)
        self._peer = peer
        self._local = local
        self._server = server
        self._turn: Turn | None = None
        self._since = 0.0

    def __repr__(self) -> str:
        ip, port = self._peer
        return f"<TlsConnection from {ip}:{port} {self._codec or ('handshake' if self._turn else 'silent')}>"

    @property
    def idle(self) -> bool:
        """See `places.Connection`: who has not begun would not be missed."""
        return self._turn is None if self._codec is None else self._codec.idle

    async def run(self, task: Task) -> None:
        """Serve until either side closes. `task` is the one that runs this."""
        self._task = task
        handshakes = self._server.handshakes
        try:
            self._since = handshakes.knock(task)
            # Here, and not a call below, nor in a block with a time of its own: many may stay there (`check`).
            while not self._begun():
                await self.wire.wait_readable()
            handshakes.come_in(task)
            chosen = await self._agree()
            await self.hand_over(*chosen, task)
        except HandshakeError as error:
            self._failed(error.reason)
            if error.reason != TIMEOUT:
                await self._linger()
        except WireError:
            self._failed("closed")
            self.wire.abort()
        except Cancelled as error:
            if error.reason is GIVES_WAY:
                self._failed("evicted")
            raise
        finally:
            handshakes.come_in(task)
            self.wire.close()
            self._codec = self._task = None

    def _failed(self, reason: str) -> None:
        if self._codec is None and reason != NOTHING:
            self._server.stats.failed(reason)

    async def _agree(self) -> tuple[MakeCodec, ConnectionInfo]:
        """Agree on keys, in what is left of the time; return what serves the connection."""
        with Timeout(deadline=self._since + HANDSHAKE_SECONDS):
            return await self._shake()
        raise HandshakeError(ETIMEDOUT, "no keys in time", TIMEOUT)

    async def _shake(self) -> tuple[MakeCodec, ConnectionInfo]:
        server, began = self._server, monotonic()
        turn = self._turn = await server.handshakes.enter(client_key(self._peer[0], IPV6_BITS))
        try:
            wire = self.wire = TlsWire(self.wire, server.followed.context, server_side=True)
            await wire.handshake()
            certificate = self._judged(wire.session)
            make = server.codecs.get(wire.session.alpn)
            if make is None:
                raise HandshakeError(EPROTO, "the client speaks no protocol of ours (ALPN)", "alpn")
        finally:
            server.handshakes.leave(turn)
        self._turn = None
        server.stats.agreed(wire.session, monotonic() - began)
        return make, ConnectionInfo(self._peer, self._local, None, certificate, b"https")

    def _begun(self) -> bool:
        """Whether the first record is here whole.

        Raises:
            HandshakeError: it is none of a handshake, or the client has left.
        """
        wire = self.wire
        if not wire.readable:
            return False
        size = record_bytes(wire.peek(HEADER_BYTES))
        if size and waiting_bytes(wire) >= size:
            return True
        if wire.hung_up:
            reason = "closed" if waiting_bytes(wire) else NOTHING
            raise HandshakeError(ECONNABORTED, "closed within its first record", reason)
        wire.readable = False
        return False

    def _judged(self, session: TlsSession) -> PeerCertificate | None:
        """What the client has proved.

        Raises:
            HandshakeError: not what was asked for.
        """
        der = session.certificate
        if der is None:
            if self._server.required:
                raise HandshakeError(EPROTO, "the client has shown no certificate", "no_certificate")
            return None
        try:
            found = self._server.identify(der)
        except ValueError as error:
            raise HandshakeError(EPROTO, str(error), "certificate") from None
        if found.ends < time():
            raise HandshakeError(EPROTO, "the certificate of a resumed session has ended", "certificate")
        return found

    async def _linger(self) -> None:
        """Close in two steps, so that the alert arrives."""
        wire = self.wire
        if wire.closed or wire.hung_up & GONE:
            return
        Wire.finish(wire)  # no close_notify: there are no keys
        seen = 0
        with Timeout(LINGER_SECONDS):
            while seen < LINGER_BYTES:
                try:
                    data = wire.sock.recv(LINGER_BYTES)
                except BlockingIOError:
                    wire.readable = False
                    await wire.wait_readable()
                    continue
                except OSError:
                    return
                if not data:
                    return
                seen += len(data)

    def check(self, now: float) -> None:
        """See `places.Connection`. Ends who stays at the door for too long; the handshake keeps its own time."""
        if self._codec is not None:
            self._codec.check(now)
        elif self._at_door() and self._task is not None and now - self._since > HANDSHAKE_SECONDS:
            self._task.interrupt(HandshakeError(ETIMEDOUT, "no first record in time", TIMEOUT), self._at_door)

    def _at_door(self) -> bool:
        return self._task in self._server.handshakes.door


def record_bytes(begun: bytes) -> int:
    """How long a first record is with its header; 0 where too little of it is here (RFC 8446 section 5.1).

    Raises:
        HandshakeError: it does not begin as a handshake of TLS does.
    """
    if begun[:1] not in (b"", b"\x16") or begun[1:2] not in (b"", b"\x03"):
        raise HandshakeError(EPROTO, "what came is no TLS", "not_tls")
    if len(begun) < HEADER_BYTES:
        return 0
    length = int.from_bytes(begun[3:5], "big")
    if not 0 < length <= RECORD_BYTES:
        raise HandshakeError(EPROTO, "the first record is no record of TLS", "not_tls")
    return HEADER_BYTES + length


def waiting_bytes(wire: Wire) -> int:
    """How much has come and was not read (tcp(7), SIOCINQ)."""
    count = array("i", [0])
    ioctl(wire.fd, FIONREAD, count)
    return count[0]
