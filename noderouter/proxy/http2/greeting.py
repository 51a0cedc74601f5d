"""How a session begins on the server's side (RFC 9113 section 3.4), and what becomes of clients that speak HTTP/1."""

from typing import Final

from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.http2.frames import HEAD_BYTES, PROTOCOL_ERROR, SETTINGS, SessionError
from noderouter.proxy.http2.session import LINGER_BYTES, LINGER_SECONDS
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import READ_BYTES, Wire

WHOLE: Final = len(PREFACE) + HEAD_BYTES
_OLD: Final = b"HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
_OLD_WORDS: Final = b"this server speaks HTTP/2 only: with prior knowledge, or after Upgrade: h2c (protocol: h2)\n"


async def read_preface(wire: Wire, seconds: float, data: bytes = b"") -> bytes:
    """Return the preface with at least the head of the first frame; what is no preface as far as it came.

    b"" where the client has left, or is too slow. `data` is what has come of it.

    Raises:
        SessionError: the first frame is not SETTINGS.
    """
    with Timeout(seconds) as scope:
        while True:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                return await _first_line(wire, data)
            if len(data) >= WHOLE:
                break
            more = await wire
            if not more:
                return b""
            data += more
    if scope.expired:
        return b""
    if data[len(PREFACE) + 3] != SETTINGS or data[len(PREFACE) + 4] & 1:
        raise SessionError(PROTOCOL_ERROR, "the first frame is not SETTINGS")
    return data


async def _first_line(wire: Wire, data: bytes) -> bytes:
    """Return `data` with what comes behind it until a line is whole, where it may be one of a request."""
    while data[:1].isalpha() and b"\n" not in data and len(data) < READ_BYTES:
        more = await wire
        if not more:
            break
        data += more
    return data


async def refuse_old(wire: Wire, data: bytes, patience: float) -> None:
    """Answer a request of HTTP/1 in words that its client shows; anything else gets no answer."""
    if b" HTTP/1." in data.split(b"\r\n", 1)[0]:
        await wire.send(_OLD + _OLD_WORDS, patience)
        wire.finish()
        seen = len(data)
        with Timeout(LINGER_SECONDS):  # closed with bytes unread, the answer might be lost
            while seen < LINGER_BYTES and (more := await wire):
                seen += len(more)
