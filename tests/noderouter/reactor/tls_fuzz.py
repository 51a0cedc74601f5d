"""Plays histories of one connection with TLS to a wire. Its peer is OpenSSL until the keys are agreed on, and from then
on records that are sealed by hand (`tls_script.py`): data in records of any size, key updates, tickets, garbage,
forgeries, attempts to negotiate again, ends that are said and ends that are not, in fragments of any size. Our end
reads and writes in every way that there is.

Whatever comes: what is read is what was said, and all of it where its end was said; every end is seen, without another
word from the kernel; a read takes a bounded amount, and nothing is kept but that; the reactor comes to rest where
nothing comes. Seeded, so that a case can be played again:

    python -m tests.noderouter.reactor.tls_fuzz --seconds 900 [--seed 1]
"""

import socket
import ssl
import time
from collections.abc import Callable
from fcntl import ioctl
from random import Random
from sys import byteorder
from typing import Final

from noderouter import _compiled
from noderouter.reactor.errors import HandshakeError, WireError
from noderouter.reactor.loop import Reactor
from noderouter.reactor.tls import TlsWire
from noderouter.reactor.tls_session import OWED_BYTES, RAW_BULK_BYTES, RECORD_BYTES, RECORDS, TlsSession
from noderouter.reactor.wire import BULK_BYTES, READ_BYTES, Wire
from tests.noderouter.reactor.tls_records import records_of
from tests.noderouter.reactor.tls_script import KEYS, Peer, Script, context_of, sockets
from tests.testing.seeds import main
from tests.testing.tls import HOST

SIOCOUTQ: Final = 0x5411
TURNS: Final = 2000
"""In which the reactor has to come to rest."""
KEPT_BYTES: Final = RAW_BULK_BYTES + 2 * RECORD_BYTES
"""What may be held that nobody has read."""
READS: Final = (1, 7, 1000, READ_BYTES, READ_BYTES, BULK_BYTES)


class Watched(TlsSession):
    """A session that looks at what each read takes, where it runs from its source: what is compiled takes no heirs."""

    __slots__ = ()

    def recv(self, size: int) -> bytes:
        """See `TlsSession`."""
        taken = 0
        raw_recv = self._raw_recv

        def raw(most: int) -> bytes:
            nonlocal taken
            data = raw_recv(most)
            taken += len(data)
            return data

        self._raw_recv = raw
        try:
            data = super().recv(size)
        finally:
            self._raw_recv = raw_recv
        assert len(data) <= size
        assert taken <= 2 * RAW_BULK_BYTES, f"a read of {size} bytes has taken {taken} of the kernel"
        return data


class Bench:
    """A reactor that is turned by hand, a wire, and its peer."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.crashes: list[BaseException] = []
        self.reactor = Reactor(lambda _task, error: self.crashes.append(error))
        self.server_side = self.random.random() < 0.5
        self.version = self.random.choice((12, 13, 13))
        ours, theirs = sockets(self.random.choice((0, 0, 4096)))
        self.peer = Peer(theirs, context_of(not self.server_side, self.version), server_side=not self.server_side)
        self.wire = TlsWire(
            Wire(self.reactor, ours),
            context_of(self.server_side, 0),
            server_side=self.server_side,
            name=None if self.server_side else HOST,
        )
        self.got = bytearray()
        self.wrote = bytearray()
        self.failure: Exception | None = None
        self.over = False
        """Whether the reader has seen an end."""
        self.paused = False
        self.shaken = False
        if not _compiled.compiled():
            self.wire.session.__class__ = Watched

    # The reactor

    def turn(self) -> None:
        """Until there is nothing to do."""
        for _ in range(TURNS):
            more = self.reactor.turn()
            self.reactor.tick()
            self.look()
            before = len(self.peer.heard)
            if not self.paused:
                self.peer.take(data=self.shaken)
            if not more and len(self.peer.heard) == before:
                return
        raise AssertionError(f"does not come to rest: {self.reactor.tasks}")

    def look(self) -> None:
        """What is kept is bounded."""
        session = self.wire.session
        assert not self.crashes, self.crashes
        assert len(session._held) <= KEPT_BYTES
        assert session._into.pending <= RAW_BULK_BYTES
        assert len(session._raw) <= RAW_BULK_BYTES
        assert session._out.pending <= OWED_BYTES + 40 * RECORDS, f"{session._out.pending} bytes are owed"

    def deliver(self, data: bytes) -> None:
        """Have the kernel bring it, in fragments."""
        rng = self.random
        sizes = rng.choice(((1, 4, 5, 6, 22), (100, 1000, 16384), (1 << 20,)))
        if len(data) > 20_000 and sizes[0] < 100:
            sizes = (1000, 3000)
        while data:
            try:
                count = self.peer.sock.send(data[: rng.choice(sizes)])
            except BlockingIOError:
                count = 0
            except OSError:
                return
            data = data[count:]
            if not count or rng.random() < 0.7:
                self.turn()
        self.turn()

    # Our end

    async def read(self) -> None:
        """Read up to the end, in every way that there is."""
        rng, wire = self.random, self.wire
        try:
            while True:
                match rng.choices(("recv", "await", "peek", "silent", "into"), (6, 4, 1, 1, 1))[0]:
                    case "peek":
                        seen = wire.peek(rng.choice(READS))
                        data = await wire.recv(max(len(seen), 1))
                        assert data.startswith(seen[: len(data)]), "what was seen is what is read"
                    case "silent" if wire.silent():
                        continue
                    case "into":
                        await wire.wait_readable()
                        data = self._read_into(bytearray(rng.choice(READS)))
                        if data is None:
                            continue
                    case "recv":
                        data = await wire.recv(rng.choice(READS))
                    case _:
                        data = await wire
                self.got += data
                if not data:
                    break
        except WireError as error:
            self.failure = error
        self.over = True

    def _read_into(self, buffer: bytearray) -> bytes | None:
        try:
            count = self.wire.recv_into(buffer)
        except BlockingIOError:
            self.wire.readable = False
            return None
        except WireError:
            raise
        except OSError as error:
            raise WireError(*error.args) from None
        if count < len(buffer) and not self.wire.hung_up:
            self.wire.readable = False
        return bytes(buffer[:count])

    async def write(self) -> None:
        """Write some, in every way that there is."""
        rng, wire = self.random, self.wire
        try:
            for _ in range(rng.choice((0, 1, 5, 20))):
                data = rng.randbytes(rng.choice((0, 1, 100, 16384, 100_000)))
                if rng.random() < 0.6:
                    self.wrote += data
                    await wire.send(data)
                    continue
                while data:
                    piece = data[: rng.choice((1, 5000, 65536))]
                    data = data[len(piece) :]
                    self.wrote += piece
                    await self._send_some(piece)
        except WireError:
            pass  # of what the reader sees, too

    async def _send_some(self, piece: bytes) -> None:
        while True:
            try:
                assert self.wire.send_some(piece) == len(piece)
                return
            except BlockingIOError:
                self.wire.writable = False
                await self.wire.wait_writable()
                if self.wire.closed:
                    raise WireError(9, "closed") from None
            except OSError as error:
                raise WireError(*error.args) from None

    # A case

    def run(self) -> None:
        """Play it."""
        try:
            if self._shake():
                self._talk()
        finally:
            self.peer.sock.close()
            self.wire.close()
        self._rest(lambda: not self.reactor.tasks)
        self.look()
        self.reactor.close()

    def _shake(self) -> bool:
        """The handshake, in fragments; whether there are keys. Now and then something is wrong with it."""
        rng, peer = self.random, self.peer
        broken = rng.random() < 0.1
        failed: list[Exception] = []

        async def ours() -> None:
            try:
                await self.wire.handshake()
                self.shaken = True
            except (HandshakeError, WireError) as error:
                failed.append(error)

        task = self.reactor.spawn(ours(), "handshake")
        done = False
        for _ in range(20):
            try:
                peer.tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                break
            said = bytearray(peer.out.read())
            if not self.server_side and not done and said:
                self.flight = bytes(said)
            if broken and said and rng.random() < 0.5:
                for _ in range(rng.randint(1, 20)):
                    said[rng.randrange(len(said))] ^= rng.randrange(256)
                said = said[: rng.choice((len(said), len(said), rng.randrange(len(said))))]
            self.deliver(bytes(said))
            if task.done and done:
                break
        if not task.done:
            assert broken, "the handshake stands still"
            peer.sock.shutdown(socket.SHUT_WR)
            self._rest(lambda: task.done)
        assert self.shaken or (broken and failed)
        if broken:
            return False
        first = self.flight if not self.server_side else bytes(peer.flight)
        self.records = records_of(KEYS, peer.tls.cipher()[0], server_side=not self.server_side, first_flight=first)
        return True

    def _talk(self) -> None:
        """What comes behind it."""
        rng, wire, peer = self.random, self.wire, self.peer
        script = Script(rng, self.records, server_side=not self.server_side)
        peer.open()
        reader = self.reactor.spawn(self.read(), "reader")
        writer = self.reactor.spawn(self.write(), "writer")
        self.paused = rng.random() < 0.3
        self.deliver(b"".join(script.parts))
        self.paused = False
        if script.end == "reset":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            peer.sock.close()
        elif script.end == "cut" or (script.end in ("wrong", "said") and rng.random() < 0.5):
            peer.sock.shutdown(socket.SHUT_WR)
        self._rest(lambda: writer.done and (self.over or (script.end in ("open", "perhaps") and self._arrived())))
        self.turn()
        self._judge_what_was_read(script)
        how = rng.choice(("finish", "close", "abort"))
        getattr(wire, how)()
        if how == "finish":
            self._rest(lambda: peer.end or script.end == "reset")
            if script.end in ("open", "said"):
                assert (peer.end, bytes(peer.heard)) == ("said", bytes(self.wrote)), peer.end
        assert self.wrote.startswith(peer.heard)
        if how != "finish":
            self._rest(lambda: reader.done)

    def _arrived(self) -> bool:
        """Whether all that was said is at our end."""
        left = ioctl(self.peer.sock, SIOCOUTQ, bytes(4))
        return not int.from_bytes(left, byteorder)

    def _judge_what_was_read(self, script: Script) -> None:
        assert script.said.startswith(self.got), "what was read is what was said"
        whole = len(self.got) == len(script.said)
        match script.end:
            case "open":
                assert whole, f"{len(script.said) - len(self.got)} bytes are there that nobody was told of"
                assert not self.over
            case "said":
                assert (whole, self.failure, self.wire.cut()) == (True, None, False)
            case "cut":
                assert whole
                assert self.wire.cut()
            case "perhaps":
                assert whole or self.failure is not None or self.wire.cut()
            case "wrong":
                assert self.failure is not None or self.wire.cut()
            case _:
                assert self.over

    def _rest(self, condition: Callable[[], object]) -> None:
        """Turn until something is so, which nothing but the kernel can be late for."""
        end = time.monotonic() + 10
        while not condition():
            self.turn()
            if not condition():
                assert time.monotonic() < end, f"stands still: {self.reactor.tasks}, {self.wire}, {self.peer.end}"
                time.sleep(0.0005)


def play(seed: int) -> None:
    """Play a case."""
    Bench(seed).run()


if __name__ == "__main__":
    main(play, __doc__)
