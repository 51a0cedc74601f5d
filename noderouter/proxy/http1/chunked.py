"""The chunked transfer coding, taken off and put on (RFC 9112 section 7.1).

`ChunkedDecoder` is fed what arrives and answers payload. It is sans-io, and what it says does not depend on how the
bytes are split.

    size line -> payload -> CRLF -> size line ... -> "0" line -> trailer fields -> empty line -> done

Strict: a size has 1 to 16 hexadecimal digits, and is at most 2^63-1, which every recipient can count; lines end in
CRLF; chunk extensions are well-formed or refused, never longer than `MAX_EXTENSION_BYTES` in one body, and dropped.
White space in a size line, which RFC 9112 allows around the ";" and "=" of extensions, is refused: nobody sends it, and
parsers differ about it. A line that is still coming in is refused at its first wrong byte; of a long one that comes in
small pieces only these are looked at (`_growth`).

One call does a bounded amount of work, however small the chunks: what is left for the next is `rest`.

Trailer fields (RFC 9110 section 6.5.1) follow the rules of `fields`. Those about framing, routing, authentication,
the content's format or how to process the message are refused; hop-by-hop ones are dropped.
"""

import re
from typing import Final

from noderouter.core.headers import Headers
from noderouter.proxy.http.field_names import (
    HOP_BY_HOP,
    NOT_IN_TRAILERS,
    NOT_IN_TRAILERS_PREFIXES,
    RESERVED_PREFIX,
    FieldKind,
    kind_of,
)
from noderouter.proxy.http.grammar import MAX_FIELDS, TOKEN, VALUE
from noderouter.proxy.http1.fields import CR, FIELD, LF, HeadError, bare_cr, diagnose, wrong

MAX_EXTENSION_BYTES: Final = 4096
"""Chunk extensions in one body; more is an attempt to make us work for nothing."""

LAST_CHUNK: Final = b"0\r\n\r\n"
"""The end of a body without trailer fields."""

_SIZE: Final = b"([0-7][0-9A-Fa-f]{15}|[0-9A-Fa-f]{1,15})"
_QUOTED: Final = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]++|\\[\t\x20-\x7e\x80-\xff])*'
_EXTENSION: Final = b"(?:;" + TOKEN + b"++(?:=(?:" + TOKEN + b"++|" + _QUOTED + b'"))?)'
_LINE: Final = re.compile(_SIZE + b"(" + _EXTENSION + b"*)\r\n")
_PLAIN: Final = re.compile(b"0{0,13}([0-9A-Fa-f]{1,3})\r\n")
_BEGINNING: Final = re.compile(
    _SIZE + _EXTENSION + b"*(?:\r|;(?:" + TOKEN + b"++(?:=(?:(" + _QUOTED + rb")(\\)?)?)?)?)?\Z"
)

# What may follow within a line without changing what it stands in; of a quoted string, perhaps half a pair at the end.
_MORE_NAME: Final = re.compile(TOKEN + b"++")
_MORE_VALUE: Final = re.compile(VALUE + b"++")
_MORE_QUOTED: Final = re.compile(rb"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]++|\\[\t\x20-\x7e\x80-\xff])*(\\)?")

_REFUSED_PREFIXES: Final = (*NOT_IN_TRAILERS_PREFIXES, RESERVED_PREFIX)

_SMALL: Final = 512
_FEW: Final = 4
"""So many chunks in one read are nothing special; from then on, those of up to `_SMALL` bytes are taken in one go."""

CHUNKS_PER_CALL: Final = 256
"""Chunks that are taken in one call: half a millisecond where each has one byte."""

_AT_SIZE, _AT_PAYLOAD, _AT_CRLF, _AT_TRAILERS, _AT_END = range(5)


class ChunkedDecoder:
    """Takes the chunked coding off one message body.

    `done` is True once the body and its trailers are complete; then `leftover` is what came behind them, and
    `trailers` the trailer fields to forward or None. `rest` is what the last `feed` did not look at, because it had
    taken `CHUNKS_PER_CALL`: feed it again before anything else. After a `HeadError` the decoder is of no more use.
    """

    __slots__ = (
        "_block",
        "_extensions",
        "_fields",
        "_growth",
        "_half",
        "_left",
        "_pending",
        "_room",
        "_state",
        "_trailer_left",
        "done",
        "leftover",
        "rest",
        "trailers",
    )

    def __init__(self, max_trailer: int) -> None:
        """`max_trailer` bounds the trailer section in bytes, with its empty line."""
        self.done = False
        self.leftover = b""
        self.rest = b""
        self.trailers: Headers | None = None
        self._state = _AT_SIZE
        self._left = 0
        self._pending = bytearray()
        self._growth: re.Pattern[bytes] | None = None
        self._half = b""
        self._room = 0
        self._extensions = 0
        self._trailer_left = max_trailer
        self._fields = 0
        self._block: list[bytes] = []

    def __repr__(self) -> str:
        state = ("size", "payload", "CRLF", "trailers", "done")[self._state]
        return f"<ChunkedDecoder at {state}, {self._left} bytes left>"

    @property
    def last(self) -> bool:
        """The last chunk has come, and nothing behind it."""
        return self._state == _AT_TRAILERS and not self._pending and not self._fields

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; the payload in them, possibly b"". What is left in `rest` has to come next.

        Raises:
            HeadError: the framing or a trailer field is refused; payload before it in `data` is lost.
        """
        if self._state == _AT_PAYLOAD and len(data) <= self._left:
            self._left -= len(data)
            if not self._left:
                self._state = _AT_CRLF
            return data
        if self._pending:
            if self._growth is not None and self._grows(self._growth, data):
                return b""
            data = bytes(self._pending) + data
            self._pending.clear()
            self._growth = None
        self.rest = b""
        view = memoryview(data)
        pieces: list[memoryview] = []
        pos = 0
        while pos < len(data) and self._state != _AT_END:
            if self._state == _AT_PAYLOAD:
                piece = view[pos : pos + self._left]
                pieces.append(piece)
                pos += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _AT_CRLF
                continue
            if self._state == _AT_SIZE and len(pieces) >= _FEW:
                pos = _small_chunks(data, pos, view, pieces)
                if len(pieces) >= CHUNKS_PER_CALL:
                    self.rest = data[pos:]
                    break
                if pos == len(data):
                    break
            step = _STEPS[self._state](self, data, pos)
            if step == pos:  # an unfinished line, bounded by its step
                self._pending += view[pos:]
                break
            pos = step
        if self.done:
            self.leftover += data[pos:]
        return b"".join(pieces)

    def _grows(self, growth: re.Pattern[bytes], data: bytes) -> bool:
        """Whether the line that is pending just goes on: else one that comes byte by byte would be read each time."""
        if len(data) > self._room:
            return False
        found = growth.fullmatch(self._half + data)
        if found is None:
            return False
        self._half = b"\\" if found.lastindex else b""
        self._room -= len(data)
        self._pending += data
        return True

    def _size(self, data: bytes, pos: int) -> int:
        """Take a size line; the index behind it, or `pos` where it is unfinished."""
        line = _LINE.match(data, pos)
        if line is None:
            room = 18 + MAX_EXTENSION_BYTES - self._extensions - (len(data) - pos)
            if room < 0:
                raise HeadError(400, "chunk extensions are too long")
            beginning = _BEGINNING.match(data, pos)
            if beginning is None:
                raise HeadError(400, "a chunk's size line is malformed")
            if beginning[2] is not None:
                self._growth, self._room = _MORE_QUOTED, room
                self._half = beginning[3] or b""
            elif data.find(b";", pos) >= 0 and _MORE_NAME.match(data, len(data) - 1) is not None:
                self._growth, self._room, self._half = _MORE_NAME, room, b""
            return pos
        self._extensions += len(line[2])
        if self._extensions > MAX_EXTENSION_BYTES:
            raise HeadError(400, "chunk extensions are too long")
        self._left = int(line[1], 16)  # up to 16 digits 0 to 9, a to f, says the pattern
        self._state = _AT_PAYLOAD if self._left else _AT_TRAILERS
        return line.end()

    def _crlf(self, data: bytes, pos: int) -> int:
        """Take the CRLF behind a chunk's payload."""
        if data[pos] != CR:
            raise wrong(data[pos], "a chunk is longer than its size")
        if pos + 1 == len(data):
            return pos
        if data[pos + 1] != LF:
            raise bare_cr()
        self._state = _AT_SIZE
        return pos + 2

    def _trailer(self, data: bytes, pos: int) -> int:
        """Take one trailer field, or the empty line behind the last."""
        stop = min(len(data), pos + self._trailer_left)
        if data.startswith(b"\r\n", pos, stop):
            self._state = _AT_END
            self.done = True
            if self._block:
                self.trailers = Headers(b"".join(self._block))
            return pos + 2
        if self._fields == MAX_FIELDS:
            raise HeadError(431, "more than 512 trailer fields")
        line = FIELD.match(data, pos, stop)
        if line is None:
            return self._unfinished_trailer(data, pos, stop)
        self._fields += 1
        self._trailer_left -= line.end() - pos
        self._keep(line[1], line[2].strip(b" \t"))
        return line.end()

    def _unfinished_trailer(self, data: bytes, pos: int, stop: int) -> int:
        """Refuse a trailer line that is malformed or too long."""
        error = None
        if data.startswith(b"\r", pos, stop):
            error = None if pos + 1 == stop else bare_cr()
        elif pos < stop:
            error = diagnose(data, pos, stop)
        if error is None and stop == pos + self._trailer_left:
            error = HeadError(431, "the trailer section is too large")
        if error is not None:
            raise error
        if pos < stop and data[stop - 1] != CR:
            self._growth = _MORE_NAME if data.find(b":", pos, stop) < 0 else _MORE_VALUE
            self._room, self._half = self._trailer_left - (stop - pos) - 1, b""
        return pos

    def _keep(self, spelling: bytes, value: bytes) -> None:
        name = spelling.lower()
        if name in NOT_IN_TRAILERS or name.startswith(_REFUSED_PREFIXES):
            raise HeadError(400, "a trailer field that must not be one")
        if name not in HOP_BY_HOP and kind_of(name) is not FieldKind.DROPPED:
            self._block.append(b"%b: %b\r\n" % (spelling, value))


def _small_chunks(data: bytes, pos: int, view: memoryview, pieces: list[memoryview]) -> int:
    """Take small chunks that are there whole and have no extension; the index of the first that is not so.

    At most as many as make `CHUNKS_PER_CALL`. A sender that makes a chunk of each byte costs a third of what it would
    by single steps.
    """
    for _ in range(CHUNKS_PER_CALL - len(pieces)):
        line = _PLAIN.match(data, pos)
        if line is None:
            return pos
        start = line.end()
        size = int(line[1], 16)  # 1 to 3 digits 0 to 9, a to f, says the pattern
        end = start + size
        if not 0 < size <= _SMALL or not data.startswith(b"\r\n", end):
            return pos
        pieces.append(view[start:end])
        pos = end + 2
    return pos


_STEPS: Final = {
    _AT_SIZE: ChunkedDecoder._size,
    _AT_CRLF: ChunkedDecoder._crlf,
    _AT_TRAILERS: ChunkedDecoder._trailer,
}


def encode_chunk(data: bytes) -> bytes:
    """`data` as one chunk; b"" for no data, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def encode_last(trailers: Headers | None) -> bytes:
    """The end of a body, with its trailer fields."""
    return b"0\r\n%b\r\n" % trailers.block if trailers is not None else LAST_CHUNK
