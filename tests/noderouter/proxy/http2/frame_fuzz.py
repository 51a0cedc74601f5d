"""Sends a server's session sequences of frames, likely and mutated, split anywhere, and looks at what is left.

Whatever comes, the session ends by `SessionError` or goes on: nothing crashes, no task and no stream is left when its
client has gone, all windows are back, and what was sent is frames with header blocks that can be decoded. Seeded, so a
case can be run again:

    python -m tests.noderouter.proxy.http2.frame_fuzz --seconds 900 [--seed 1]
"""

import socket
import time
from random import Random

import hpack

from noderouter.core.connection import ConnectionInfo
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.message import Response
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http2.server import Http2Connection
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import PARK, Task, current_task
from noderouter.reactor.wire import Wire
from noderouter.telemetry.metrics import RequestStats
from tests.testing import http2
from tests.testing.http2 import data, frame, rst_stream, settings, window_update
from tests.testing.seeds import main

PATHS = (b"/echo", b"/take", b"/held", b"/half", b"/broken", b"/large")
METHODS = (b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS")
SIZES = (0, 1, 2, 100, 16384, 16385, 65535, 2**31 - 1, 2**31)


def literal(name: bytes, value: bytes) -> bytes:
    """A field without an index, so that each block stands for itself."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


class Case:
    """One connection, all of it drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.next = 1
        self.open: list[int] = []
        self.wild = self.random.choice((0.0, 0.0, 0.0, 0.02, 0.2))

    def number(self, last: bool = False) -> int:
        """A stream: mostly one that is there, and is not from now on where `last`."""
        r = self.random
        if r.random() < self.wild:
            return r.choice((0, 1, 2, self.next, self.next + 1, 2**31 - 1))
        number = r.choice(self.open)
        if last:
            self.open.remove(number)
        return number

    def block(self) -> bytes:
        """A request, which may lack or repeat something."""
        r = self.random
        fields = [
            literal(b":method", r.choice(METHODS)),
            literal(b":scheme", b"http"),
            literal(b":path", r.choice(PATHS)),
            literal(b":authority", b"a"),
        ]
        if r.random() < 0.3:
            fields.append(literal(b"content-length", r.choice((b"0", b"5", b"9000", b"100000", b"x"))))
        if r.random() < 0.1:
            fields.append(literal(r.choice((b"te", b"expect", b"x-y", b"cookie", b"Upper", b"")), b"trailers"))
        if r.random() < 0.1:
            fields.pop(r.randrange(len(fields)))
        if r.random() < 0.05:
            r.shuffle(fields)
        return b"".join(fields)

    def step(self) -> bytes:
        """The next frame or two."""
        r = self.random
        kind = r.choices(
            (
                "open",
                "data",
                "end",
                "trailers",
                "reset",
                "window",
                "settings",
                "ping",
                "priority",
                "goaway",
                "any",
                "pad",
            ),
            (30, 20, 8, 3, 6, 8, 3, 2, 2, 0.3, 20 * self.wild, 4),
        )[0]
        if not self.open:
            kind = "open"
        match kind:
            case "open":
                number, self.next = self.next, self.next + 2
                last = r.random() < 0.4
                if not last or r.random() < self.wild:
                    self.open.append(number)
                return self.headers(number, self.block(), last)
            case "data":
                return data(self.number(), bytes(r.choice((0, 1, 5, 1000, 16384))))
            case "end":
                return data(self.number(True), bytes(r.choice((0, 1, 5))), end=True)
            case "trailers":
                return self.headers(self.number(True), literal(b"x", b"y"), r.random() < 0.9)
            case "reset":
                return rst_stream(self.number(True), r.choice((0, 8, 99)))
            case "window":
                most = len(SIZES) if r.random() < 0.1 else 5
                return window_update(self.number() if r.random() < 0.7 else 0, SIZES[r.randrange(1, most)])
            case "settings":
                if r.random() < 0.9:
                    return settings((r.choice((1, 3, 4, 6)), r.choice((0, 1, 100, 4096, 65535))))
                return settings(*[(r.randint(1, 9), r.choice(SIZES)) for _ in range(r.randint(0, 2))])
            case "ping":
                return frame(http2.PING, r.choice((0, 1)), 0, bytes(8))
            case "priority":
                return frame(http2.PRIORITY, 0, self.number(), r.randbytes(4 if r.random() < 0.1 else 5))
            case "goaway":
                return http2.goaway(0, r.choice((0, 1)))
            case "pad":
                return frame(http2.DATA, 8 | r.choice((0, 1)), self.number(), bytes([r.randint(0, 8)]) + bytes(8))
            case _:
                return frame(r.randint(0, 12), r.randint(0, 255), self.number(), r.randbytes(r.randint(0, 12)))

    def headers(self, number: int, block: bytes, end: bool) -> bytes:
        """HEADERS, sometimes with CONTINUATION."""
        flags = 1 if end else 0
        if self.random.random() < 0.85:
            return frame(http2.HEADERS, flags | 4, number, block)
        cut = self.random.randint(0, len(block))
        rest = frame(http2.CONTINUATION, 4, number, block[cut:])
        return frame(http2.HEADERS, flags, number, block[:cut]) + rest

    def stream_of_bytes(self) -> bytes:
        """All that the client sends."""
        r = self.random
        parts = [http2.PREFACE, settings((4, r.choice((0, 10, 65535, 2**20))))]
        parts += [self.step() for _ in range(r.randint(1, 40))]
        if r.random() < 0.1:
            r.shuffle(parts)
        raw = bytearray(b"".join(parts))
        if r.random() < 0.15:
            for _ in range(r.randint(1, 3)):
                raw[r.randrange(24, len(raw))] = r.randint(0, 255)
        return bytes(raw)


class Bench:
    """A reactor that is turned by hand, and a session on one end of a pair of sockets."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.crashes: list[BaseException] = []
        self.reactor = Reactor(lambda _task, error: self.crashes.append(error))
        self.held: set[Task] = set()
        self.got = bytearray()

    async def serve(self, exchange: Exchange) -> None:
        """What the target asks for."""
        exchange.verdict = SUCCESS
        body, reply = exchange.body, exchange.reply
        match exchange.target:
            case b"/held":
                self.held.add(current_task())
                while True:
                    await PARK
            case b"/broken":
                raise ValueError("a fault")
            case b"/large":
                pending = reply.begin(Response(200, b"", b"", 50_000), bytes(20_000))
                if pending is not None:
                    await pending
                await reply.push(bytes(30_000))
            case b"/take":
                if body.data is None:
                    while await body.read():
                        pass
                pending = reply.begin(Response(200, b"", b"", 2), b"ok")
                if pending is not None:
                    await pending
            case _:
                pending = reply.begin(Response(200, b"", b"", -1), body.data or b"")
                if pending is not None:
                    await pending
                if exchange.target == b"/half":
                    return
                while body.data is None and (piece := await body.read()):
                    await reply.push(piece)
                await reply.finish(body.trailers)

    def turn(self, ours: socket.socket) -> None:
        """Let the session work, and take what it has sent."""
        for _ in range(3):
            self.reactor.turn()
            self.reactor.tick()
            try:
                while more := ours.recv(1 << 20):
                    self.got += more
            except OSError:
                pass

    def run(self) -> None:
        """One case."""
        case = Case(self.seed)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        stats = ServerStats()
        limits = Http2ServerSettings(max_streams=10, link_window=case.random.choice((65535, 200_000)))
        service = ErrorReply(self.serve, RequestStats()).serve
        session = Http2Connection(
            Wire(self.reactor, theirs), service, limits, stats, ConnectionInfo(("127.0.0.1", 1), ("127.0.0.1", 0), None)
        )

        async def run() -> None:
            await session.run(current_task())

        self.reactor.spawn(run(), "session")
        raw = case.stream_of_bytes()
        try:
            while raw:
                size = case.random.choice((1, 9, 40, 1000, 16384, len(raw)))
                try:
                    count = ours.send(raw[:size])
                except BlockingIOError:
                    count = 0
                except OSError:
                    break
                raw = raw[count:]
                self.turn(ours)
            if case.random.random() < 0.3:
                session.check(time.monotonic() + 20)
                self.turn(ours)
        finally:
            ours.close()
        end = time.monotonic() + 10
        while self.reactor.tasks:
            self.reactor.turn()
            self.reactor.tick()
            assert time.monotonic() < end, f"left: {self.reactor.tasks}"
            if self.reactor.tasks:
                time.sleep(0.001)
        self.reactor.close()
        assert not self.crashes, self.crashes
        assert (session.streams, session.running, stats.connections) == ({}, 0, 0), session
        assert session.granted + session._credit >= session.link_window - (1 << 20)
        if not stats.protocol_errors:
            assert session.granted + session._credit == session.link_window
        self.look(bytes(self.got))

    def look(self, got: bytes) -> None:
        """All that was sent is frames, and no stream goes on behind its end."""
        decoder = hpack.Decoder(1 << 20)
        ended: set[int] = set()
        block = b""
        while len(got) >= 9:
            size = int.from_bytes(got[:3], "big")
            kind, flags, number = got[3], got[4], int.from_bytes(got[5:9], "big")
            payload, got = got[9 : 9 + size], got[9 + size :]
            if len(payload) < size:
                break  # cut by our leaving
            assert kind in (0, 1, 3, 4, 6, 7, 8, 9), kind
            if kind in (http2.DATA, http2.HEADERS, http2.CONTINUATION):
                assert number & 1
                assert number not in ended, f"a frame behind the end of stream {number}"
                if kind != http2.DATA:
                    block += payload
                    if flags & 4:
                        decoder.decode(block, raw=True)
                        block = b""
                if kind != http2.CONTINUATION and flags & 1:
                    ended.add(number)
            elif kind == http2.RST_STREAM:
                ended.add(number)


def play(seed: int) -> None:
    """Play a case."""
    Bench(seed).run()


if __name__ == "__main__":
    main(play, __doc__)
