"""A peer of HTTP/2, client or server, that says exactly the frames a test wants (RFC 9113).

It shares no code with what it tests: frames are built and cut here, header blocks are those of the package `hpack`. It
keeps no rule by itself either. What it receives is kept by stream; `until` reads on until something has come. SETTINGS
and PING are answered, windows are given back only where `giving` is set.
"""

import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

import hpack
import trio

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.origin import Origin, Peer, serving

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, WITH_PRIORITY = 4, 8, 32
(
    NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY,
    HTTP_1_1_REQUIRED,
) = range(14)  # fmt: skip
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
KINDS: Final = (
    "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
    "CONTINUATION",
)  # fmt: skip

Fields = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Frame:
    """One frame as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def __repr__(self) -> str:
        name = KINDS[self.kind] if self.kind < len(KINDS) else f"type {self.kind}"
        return f"<{name} flags={self.flags:#x} stream={self.stream} {self.payload[:40]!r} ({len(self.payload)})>"

    @property
    def ended(self) -> bool:
        """Whether END_STREAM is set."""
        return self.kind in (DATA, HEADERS) and self.flags & END_STREAM != 0


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame; `length` is a lie about that of its payload."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def data(stream: int, payload: bytes, end: bool = False) -> bytes:
    """DATA."""
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def rst_stream(stream: int, code: int = CANCEL) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS of identifiers and values."""
    return frame(SETTINGS, 0, 0, b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs))


def ping(words: bytes = b"are you?") -> bytes:
    """PING."""
    return frame(PING, 0, 0, words)


def goaway(last: int, code: int = NO_ERROR, words: bytes = b"") -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + words)


def window_update(stream: int, count: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, 0, stream, count.to_bytes(4, "big"))


@dataclass
class Seen:
    """What has come on one stream.

    `blocks` are its header blocks in order: interim ones, the head, trailers.
    """

    number: int
    blocks: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None
    updates: int = 0
    spent: int = 0
    pieces: list[int] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.ended or self.reset is not None

    @property
    def _head(self) -> int:
        for at, block in enumerate(self.blocks):
            if not dict(block).get(b":status", b"200").startswith(b"1"):
                return at
        return -1

    @property
    def head(self) -> dict[bytes, bytes]:
        """The fields of the request or of the final response; {} before they are here."""
        return dict(self.blocks[self._head]) if self._head >= 0 else {}

    @property
    def status(self) -> int:
        """Of the final response; 0 before it is here."""
        return int(self.head.get(b":status", b"0"))

    @property
    def interim(self) -> list[int]:
        """Statuses before the final one."""
        found = self.blocks if self._head < 0 else self.blocks[: self._head]
        return [int(dict(block)[b":status"]) for block in found]

    @property
    def trailers(self) -> dict[bytes, bytes]:
        """Fields behind the body."""
        return dict(self.blocks[-1]) if 0 <= self._head < len(self.blocks) - 1 else {}


class Http2Peer:
    """One connection.

    Attributes:
        seen: what has come, by stream.
        goaways: each GOAWAY: last stream, code, words.
        settings: what the other end has announced; `acks` counts its acknowledgements.
        pongs: answers to PING.
        granted: WINDOW_UPDATE of the connection, in sum; `spent` is what `upload` has used.
        closed: the other end has finished sending; `broken` where by a reset.
        answering: SETTINGS and PING are answered; `giving`: so are DATA by WINDOW_UPDATE.
    """

    def __init__(self, stream: trio.SocketStream, is_client: bool) -> None:
        self.stream = stream
        self.is_client = is_client
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder(1 << 20)
        self.seen: dict[int, Seen] = {}
        self.frames: list[Frame] = []
        self.goaways: list[tuple[int, int, bytes]] = []
        self.settings: dict[int, int] = {}
        self.acks = 0
        self.pongs: list[bytes] = []
        self.granted = 0
        self.spent = 0
        self.closed = False
        self.broken = False
        self.answering = True
        self.giving = False
        self._buffer = bytearray()
        self._block = b""
        self._next = 1

    # What is said

    async def send(self, *frames: bytes) -> None:
        """Send all in one piece; an end that has closed takes nothing, and what it said can still be read."""
        try:
            await self.stream.send_all(b"".join(frames))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.broken = True

    async def upload(self, stream: int, body: bytes, end: bool = True, piece: int = 16384) -> None:
        """Send a body as far as the windows let us, reading on until they do."""
        seen = self.seen.setdefault(stream, Seen(stream))
        await self.until(lambda: self.settings)
        while body:
            await self.until(lambda: min(self.window_of(seen), 65535 + self.granted - self.spent) > 0)
            count = min(piece, len(body), self.window_of(seen), 65535 + self.granted - self.spent)
            seen.spent += count
            self.spent += count
            await self.send(data(stream, body[:count], end and count == len(body)))
            body = body[count:]
            if not body:
                return
        if end:
            await self.send(data(stream, b"", True))

    def window_of(self, seen: Seen) -> int:
        """What may be sent on a stream."""
        return self.settings.get(INITIAL_WINDOW_SIZE, 65535) + seen.updates - seen.spent

    async def send_bytewise(self, *frames: bytes) -> None:
        """Send all, byte by byte, in as many reads at the other end as it takes."""
        for byte in b"".join(frames):
            await self.send(bytes([byte]))
            await trio.lowlevel.checkpoint()

    def take_over(self, read: bytes) -> None:
        """Go on where something else has read so much already."""
        self._buffer += read

    async def greet(self, *pairs: tuple[int, int]) -> None:
        """Send the preface of our side, with settings."""
        if self.is_client:
            await self.send(PREFACE, settings(*pairs))
        else:
            assert await self.preface()
            await self.send(settings(*pairs))

    async def preface(self) -> bool:
        """As a server: whether what a client begins with is its preface."""
        return await self._exactly(len(PREFACE)) == PREFACE

    def block(self, fields: Fields) -> bytes:
        """A header block as it is coded; what is encoded has to be sent, and in that order."""
        return self.encoder.encode(list(fields))

    def headers(self, stream: int, fields: Fields, end: bool = False, flags: int = 0) -> bytes:
        """HEADERS with a whole block."""
        return frame(HEADERS, END_HEADERS | flags | (END_STREAM if end else 0), stream, self.block(fields))

    def request(
        self,
        path: str = "/",
        method: str = "GET",
        *fields: tuple[bytes, bytes],
        end: bool = True,
        stream: int = 0,
        authority: str = "example.com",
    ) -> bytes:
        """HEADERS of a request, on the next stream unless told."""
        number = stream or self._next
        self._next = number + 2
        start = [(b":method", method.encode())]
        if method != "CONNECT":
            start += [(b":scheme", b"http"), (b":path", path.encode())]
        return self.headers(number, [*start, (b":authority", authority.encode()), *fields], end)

    def skip_to(self, stream: int) -> None:
        """Use no stream below this one for `request` and `fetch`."""
        self._next = max(self._next, stream)

    def response(self, stream: int, status: int = 200, *fields: tuple[bytes, bytes], end: bool = False) -> bytes:
        """HEADERS of a response."""
        return self.headers(stream, [(b":status", b"%d" % status), *fields], end)

    # What is heard

    async def read(self) -> Frame | None:
        """The next frame, which is noted; None at the end of the connection."""
        while True:
            size = int.from_bytes(self._buffer[:3], "big") + 9
            if len(self._buffer) >= 9 and len(self._buffer) >= size:
                break
            if not await self._more():
                return None
        raw = bytes(self._buffer[:size])
        del self._buffer[:size]
        got = Frame(raw[3], raw[4], int.from_bytes(raw[5:9], "big"), raw[9:])
        self.frames.append(got)
        await self._note(got)
        return got

    async def until(self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Read until something has come; fails where the connection ends before."""
        with trio.fail_after(seconds):
            while not condition():
                assert await self.read() is not None, f"closed; got {self.goaways} {self.frames[-12:]}"

    async def over(self, stream: int, seconds: float = PATIENCE_SECONDS) -> Seen:
        """Read until a stream is over."""
        await self.until(lambda: stream in self.seen and self.seen[stream].over, seconds)
        return self.seen[stream]

    async def fetch(self, path: str = "/", method: str = "GET", *fields: tuple[bytes, bytes]) -> Seen:
        """A request without a body, and all of its response."""
        number = self._next
        await self.send(self.request(path, method, *fields))
        return await self.over(number)

    async def rest(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Read to the end of the connection; a client is closed then."""
        with trio.fail_after(seconds):
            while await self.read() is not None:
                pass
        if self.is_client:
            await self.close()

    async def raw(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read what is no frames, to the end of the connection; a client is closed then."""
        with trio.fail_after(seconds):
            while await self._more():
                pass
        if self.is_client:
            await self.close()
        return bytes(self._buffer)

    async def still_there(self) -> None:
        """Wait for the answer to a PING: what was sent before it has been handled."""
        count = len(self.pongs)
        await self.send(ping())
        await self.until(lambda: len(self.pongs) > count)

    async def opened(self, stream: int = 0) -> Seen:
        """As a server: wait for the head of a request, of the next stream unless told."""
        number = stream or self._next
        await self.until(lambda: number in self.seen and self.seen[number].blocks)
        if not stream:
            self._next += 2
        return self.seen[number]

    async def close(self) -> None:
        """Close."""
        await trio.aclose_forcefully(self.stream)

    def abort(self) -> None:
        """Close with RST."""
        Peer(self.stream).abort()

    async def _more(self) -> bool:
        if self.closed:
            return False
        try:
            more = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            self.broken = True
            more = b""
        self.closed = not more
        self._buffer += more
        return bool(more)

    async def _exactly(self, count: int) -> bytes:
        with trio.fail_after(PATIENCE_SECONDS):
            while len(self._buffer) < count and await self._more():
                pass
        start = bytes(self._buffer[:count])
        del self._buffer[:count]
        return start

    async def _note(self, got: Frame) -> None:
        payload = got.payload
        if got.kind in (DATA, HEADERS, CONTINUATION, RST_STREAM):
            seen = self.seen.setdefault(got.stream, Seen(got.stream))
            if got.kind in (HEADERS, CONTINUATION):
                self._block += payload if got.kind == CONTINUATION else unpadded(got)
                if got.flags & END_HEADERS:
                    block, self._block = self._block, b""
                    seen.blocks.append([(bytes(n), bytes(v)) for n, v in self.decoder.decode(block, raw=True)])
            elif got.kind == DATA:
                seen.body += unpadded(got)
                seen.pieces.append(len(payload))
                if self.giving and payload:
                    update = window_update(0, len(payload))
                    await self.send(update, b"" if got.ended else window_update(got.stream, len(payload)))
            else:
                seen.reset = int.from_bytes(payload, "big")
            seen.ended = seen.ended or got.ended
        elif got.kind == SETTINGS and got.flags & ACK:
            self.acks += 1
        elif got.kind == SETTINGS:
            for at in range(0, len(payload), 6):
                self.settings[int.from_bytes(payload[at : at + 2], "big")] = int.from_bytes(payload[at + 2 : at + 6])
            if self.answering:
                await self.send(frame(SETTINGS, ACK, 0))
        elif got.kind == PING and got.flags & ACK:
            self.pongs.append(payload)
        elif got.kind == PING and self.answering:
            await self.send(frame(PING, ACK, 0, payload))
        elif got.kind == GOAWAY:
            self.goaways.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"), payload[8:]))
        elif got.kind == WINDOW_UPDATE and got.stream:
            self.seen.setdefault(got.stream, Seen(got.stream)).updates += int.from_bytes(payload, "big")
        elif got.kind == WINDOW_UPDATE:
            self.granted += int.from_bytes(payload, "big")


def unpadded(got: Frame) -> bytes:
    """The payload of DATA or HEADERS without padding and priority."""
    payload = got.payload
    if got.flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    if got.kind == HEADERS and got.flags & WITH_PRIORITY:
        payload = payload[5:]
    return payload


async def http2_client(
    port: int, *pairs: tuple[int, int], greet: bool = True, receive_buffer: int | None = None
) -> Http2Peer:
    """A client, which has sent its preface; with a small `receive_buffer` the other end's socket is soon full."""
    sock = trio.socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_buffer)
    await sock.connect(("127.0.0.1", port))
    peer = Http2Peer(trio.SocketStream(sock), True)
    if greet:
        await peer.greet(*pairs)
    return peer


def http2_origin(
    script: Callable[[Http2Peer], Awaitable[None]], listening: socket.socket | None = None
) -> AbstractAsyncContextManager[Origin[Http2Peer]]:
    """A server while inside, as `serving`; scripts begin before anything is sent (see `Http2Peer.greet`)."""
    return serving(script, lambda stream: Http2Peer(stream, False), listening)
