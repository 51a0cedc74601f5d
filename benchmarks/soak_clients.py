"""The clients of a soak run: some that behave, and many that do not.

Those that behave check what they get: every response carries the mark of its request, so that bytes of somebody
else's would be seen. What the others send is in `soak_values`, where it is about values and not about connections. Each
client is an async function that takes a connection and what it may ask for, does its thing, and leaves the
connection to its caller to close. How the server answers a hostile client is not judged here (the conformance
tests do that), but it must neither fall nor grow, and must keep serving the polite one.
"""

import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import trio

BIG_HEAD_BYTES: Final = 200_000
GARBAGE: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What requests may ask for: any of `names` has a backend; a name of `stranger` has none."""

    names: tuple[str, ...]
    random: Random
    mixed: list[str] = field(default_factory=list)
    """Responses that were another's."""
    admin_port: int | None = None

    def name(self) -> bytes:
        """One of the names that lead somewhere."""
        return self.random.choice(self.names).encode()

    def stranger(self) -> bytes:
        """A name that nobody has asked for before."""
        return b"nobody-%016x.example" % self.random.getrandbits(64)


Client = Callable[[trio.SocketStream, Asked], Awaitable[None]]


def get(host: bytes, path: bytes = b"/x", more: bytes = b"") -> bytes:
    """A GET."""
    return b"GET %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (path, host, more)


async def response(stream: trio.SocketStream) -> int:
    """Read one response with a Content-Length; its status, 0 where the connection ended before it was complete."""
    status, _ = await whole_response(stream)
    return status


async def whole_response(stream: trio.SocketStream) -> tuple[int, bytes]:
    """Read one response with a Content-Length; status and body, 0 where the connection ended before."""
    data = bytearray()
    end = -1
    while end < 0:
        piece = await stream.receive_some(65536)
        if not piece:
            return 0, b""
        data += piece
        end = data.find(b"\r\n\r\n")
    lines = bytes(data[:end]).lower().split(b"\r\n")
    lengths = [line[15:].strip() for line in lines if line.startswith(b"content-length:")]
    size = int(lengths[0]) if lengths else 0
    while len(data) - end - 4 < size:
        piece = await stream.receive_some(65536)
        if not piece:
            return 0, b""
        data += piece
    return int(lines[0].split(b" ")[1]), bytes(data[end + 4 :])


async def checks_marks(stream: trio.SocketStream, asked: Asked) -> None:
    """Requests whose responses say whose they are."""
    name = asked.name()
    for _ in range(5):
        mark = b"/mark/%016x" % asked.random.getrandbits(64)
        await stream.send_all(get(name, mark))
        status, body = await whole_response(stream)
        if status == 200 and body != mark:
            asked.mixed.append(f"{body[:80]!r} in place of {mark!r}")
        if not status:
            return


async def leaves_slow(stream: trio.SocketStream, asked: Asked) -> None:
    """A response that is still to come for seconds, left in one of many ways."""
    upload = asked.random.random() < 0.5
    message = get(asked.name(), b"/slow", b"Transfer-Encoding: chunked\r\n" if upload else b"")
    await stream.send_all(message.replace(b"GET", b"POST", 1) + b"5\r\nhello\r\n" if upload else message)
    await stream.receive_some(asked.random.randrange(1, 65536))
    match asked.random.randrange(4):
        case 0:
            reset(stream)
        case 1:
            await stream.send_all(b"zz\r\n")
        case 2:
            await stream.send_eof()
            await stream.receive_some(1)


async def half_closes(stream: trio.SocketStream, asked: Asked) -> None:
    """A request and an end; the response must come all the same."""
    mark = b"/mark/%016x" % asked.random.getrandbits(64)
    await stream.send_all(get(asked.name(), mark))
    await stream.send_eof()
    status, body = await whole_response(stream)
    if status == 200 and body != mark:
        asked.mixed.append(f"{body[:80]!r} in place of {mark!r}, behind a half-close")


async def keeps_alive(stream: trio.SocketStream, asked: Asked) -> None:
    """A few requests to different names, one after the other."""
    for _ in range(5):
        await stream.send_all(get(asked.name()))
        if not await response(stream):
            return


async def pipelines(stream: trio.SocketStream, asked: Asked) -> None:
    """Many requests at once, the responses half read."""
    await stream.send_all(b"".join(get(asked.name()) for _ in range(20)))
    await stream.receive_some(1000)


async def asks_strangers(stream: trio.SocketStream, asked: Asked) -> None:
    """Names that exist nowhere, each once."""
    for _ in range(3):
        await stream.send_all(get(asked.stranger()))
        if not await response(stream):
            return


async def meets_errors(stream: trio.SocketStream, asked: Asked) -> None:
    """Requests that the backend fails."""
    for _ in range(3):
        await stream.send_all(get(asked.name(), b"/error"))
        if not await response(stream):
            return


async def resets_early(stream: trio.SocketStream, asked: Asked) -> None:
    """Half a head, then a reset."""
    whole = get(asked.name())
    await stream.send_all(whole[: asked.random.randrange(1, len(whole))])
    reset(stream)


async def resets_late(stream: trio.SocketStream, asked: Asked) -> None:
    """A reset while a large body comes in."""
    await stream.send_all(get(asked.name(), b"/big"))
    await stream.receive_some(asked.random.randrange(1, 65536))
    reset(stream)


async def reads_slowly(stream: trio.SocketStream, asked: Asked) -> None:
    """A large body, a little at a time, given up."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await stream.send_all(get(asked.name(), b"/big"))
    for _ in range(20):
        if not await stream.receive_some(1024):
            return
        await trio.sleep(0.02)


async def writes_slowly(stream: trio.SocketStream, asked: Asked) -> None:
    """A head, byte by byte, given up before its end."""
    for byte in get(asked.name())[:40]:
        await stream.send_all(bytes((byte,)))
        await trio.sleep(0.02)


async def breaks_off_upload(stream: trio.SocketStream, asked: Asked) -> None:
    """A chunked upload that ends in the middle of a chunk."""
    head = get(asked.name(), more=b"Transfer-Encoding: chunked\r\n").replace(b"GET", b"POST", 1)
    await stream.send_all(head + b"400\r\n" + b"x" * asked.random.randrange(1024))
    if asked.random.random() < 0.5:
        reset(stream)


async def sends_garbage(stream: trio.SocketStream, asked: Asked) -> None:
    """What no parser may accept."""
    await stream.send_all(asked.random.choice(GARBAGE))
    await stream.receive_some(4096)


async def sends_too_much(stream: trio.SocketStream, asked: Asked) -> None:
    """A head without end."""
    await stream.send_all(get(asked.name())[:-2] + b"X-Filler: " + b"x" * BIG_HEAD_BYTES)
    await stream.receive_some(4096)


async def says_nothing(stream: trio.SocketStream, asked: Asked) -> None:
    """An open connection, held for a while."""
    await trio.sleep(asked.random.random())


def reset(stream: trio.SocketStream) -> None:
    """Make closing send RST at once."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


MIX: Final[dict[Client, int]] = {
    checks_marks: 20,
    half_closes: 5,
    leaves_slow: 5,
    keeps_alive: 20,
    pipelines: 5,
    asks_strangers: 10,
    meets_errors: 10,
    resets_early: 8,
    resets_late: 6,
    reads_slowly: 2,
    writes_slowly: 2,
    breaks_off_upload: 5,
    sends_garbage: 6,
    sends_too_much: 2,
    says_nothing: 4,
}
"""How many connections are of which sort, in proportion."""
