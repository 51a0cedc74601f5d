"""The encoder of HPACK in Python: the twin of `_encode.h` and `_message.h`, and writes the same bytes.

What it promises is written in `hpack`. Lines are looked up as they are; only what is in no table is taken apart.
"""

from collections import deque
from typing import Final

from noderouter.proxy.http.field_names import FieldKind, kind_of
from noderouter.proxy.http.grammar import is_token
from noderouter.proxy.http2.decoder_pure import FIRST_SIZE, LARGEST_SIZE
from noderouter.proxy.http2.field_rules import OVERHEAD, VALUE_BYTES
from noderouter.proxy.http2.hpack_tables import STATIC

SEEN: Final = 64
"""How many fields that were in no table are remembered; who is among them when it comes again is indexed."""

SHORT_COOKIE: Final = 20
"""Below that, a value could be guessed (RFC 7541 section 7.1.3)."""

DATA: Final = 0
HEADERS: Final = 1
CONTINUATION: Final = 9
END_STREAM: Final = 1
END_HEADERS: Final = 4
MIN_FRAME: Final = 16384
MAX_FRAME: Final = 0xFFFFFF
_MAX_STREAM: Final = 0x7FFFFFFF


def _stays(name: bytes, request: bool) -> bool:
    """Whether a field stays with a connection (RFC 9113 section 8.2.2), or is written anew: framing, :authority."""
    kind = kind_of(name)
    return request if kind is FieldKind.HOST else kind not in (None, FieldKind.RESERVED)


_WITHOUT, _NEVER, _INDEXED = 0x00, 0x10, 0x40
_LINES: Final = {b"%b: %b\r\n" % pair: index for index, pair in enumerate(STATIC, 1) if not _stays(pair[0], False)}
_LONGEST: Final = max(len(name) + len(value) + 4 for name, value in STATIC)
_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC, 1)))}
_AROUND: Final = 4
"""Bytes of a line that are neither name nor value."""
_FOLDED: Final = bytes(byte | 0x20 for byte in range(256))


class Encoder:
    """See `hpack`."""

    __slots__ = (
        "_added", "_entries", "_max", "_max_frame", "_numbers", "_own_max", "_resized", "_seen", "_size", "_smallest",
        "_wanted",
    )  # fmt: skip

    def __init__(self, max_size: int = FIRST_SIZE) -> None:
        if not 0 <= max_size <= LARGEST_SIZE:
            raise ValueError(f"max_size has to be 0 to {LARGEST_SIZE}")
        self._own_max = max_size
        self._max = FIRST_SIZE
        self._size = 0
        self._entries: deque[bytes] = deque()  # lines, oldest first
        self._numbers: dict[bytes, int] = {}  # of them: the first one ever is 0
        self._added = 0
        self._seen: dict[bytes, None] = {}
        self._smallest = self._wanted = FIRST_SIZE
        self._resized = False
        self._max_frame = MIN_FRAME
        if max_size < FIRST_SIZE:
            self.resize(FIRST_SIZE)

    @property
    def max_frame(self) -> int:
        """The peer's SETTINGS_MAX_FRAME_SIZE."""
        return self._max_frame

    @max_frame.setter
    def max_frame(self, size: int) -> None:
        if not MIN_FRAME <= size <= MAX_FRAME:
            raise ValueError(f"max_frame has to be {MIN_FRAME} to {MAX_FRAME}")
        self._max_frame = size

    def resize(self, max_size: int) -> None:
        """See `hpack`."""
        if not 0 <= max_size <= 0xFFFFFFFF:
            raise ValueError(f"max_size has to be 0 to {0xFFFFFFFF}")
        wanted = min(max_size, self._own_max)
        self._smallest = min(wanted, self._smallest if self._resized else self._max)
        self._wanted = wanted
        self._resized = self._smallest < self._max or wanted != self._max

    def request(
        self,
        stream: int,
        end: bool,
        data: bytes,
        method: bytes,
        scheme: bytes,
        authority: bytes | None,
        path: bytes,
        protocol: bytes | None,
        length: int,
        never: tuple[bytes, ...] | None,
        *blocks: bytes,
    ) -> bytes:
        """See `hpack`."""
        never = never or ()
        self._check(stream, data)
        out = self._begin()
        self._field(out, b":method", method, never)
        if scheme:
            self._field(out, b":scheme", scheme, never)
        if authority is not None:
            self._field(out, b":authority", authority, never)
        if path:
            self._field(out, b":path", path, never)
        if protocol is not None:
            self._field(out, b":protocol", protocol, never)
        self._blocks(out, blocks, never, True)
        if length >= 0:
            self._field(out, b"content-length", b"%d" % length, never)
        return self._frames(stream, end, b"".join(out), data)

    def response(
        self,
        stream: int,
        end: bool,
        data: bytes,
        status: int,
        length: int,
        never: tuple[bytes, ...] | None,
        *blocks: bytes,
    ) -> bytes:
        """See `hpack`."""
        never = never or ()
        self._check(stream, data)
        out = self._begin()
        if status >= 0:
            self._field(out, b":status", b"%d" % status, never)
        self._blocks(out, blocks, never, False)
        if length >= 0:
            self._field(out, b"content-length", b"%d" % length, never)
        return self._frames(stream, end, b"".join(out), data)

    def trailers(self, stream: int, never: tuple[bytes, ...] | None, *blocks: bytes) -> bytes:
        """See `hpack`."""
        self._check(stream, b"")
        out = self._begin()
        self._blocks(out, blocks, never or (), False)
        return self._frames(stream, True, b"".join(out), b"")

    def _check(self, stream: int, data: bytes) -> None:
        if not 1 <= stream <= _MAX_STREAM:
            raise ValueError(f"a stream has to be 1 to {_MAX_STREAM}")
        if len(data) > self._max_frame:
            raise ValueError("more data than a frame may have")

    def _begin(self) -> list[bytes]:
        """RFC 7541 section 4.2: what the peer allows has changed since the last block."""
        out: list[bytes] = []
        if self._resized:
            if self._smallest < self._wanted and self._smallest < self._max:
                out.append(_integer(0x20, 5, self._smallest))
            self._evict(self._smallest)
            out.append(_integer(0x20, 5, self._wanted))
            self._max = self._wanted
            self._resized = False
        return out

    def _evict(self, size: int) -> None:
        while self._size > size:
            line = self._entries.popleft()
            del self._numbers[line]
            self._size -= len(line) - _AROUND + OVERHEAD

    def _fits(self, line: bytes) -> bool:
        """Whether it may be in the table: none that takes more than a quarter of it."""
        return len(line) - _AROUND + OVERHEAD <= self._max // 4

    def _find(self, line: bytes) -> int:
        """The index of a line, 0 if it is in neither table or too long for both."""
        index = _LINES.get(line, 0)
        if not index and (self._fits(line) or len(line) <= _LONGEST):
            number = self._numbers.get(line, -1)
            if number >= 0:
                return len(STATIC) + self._added - number
        return index

    def _field(self, out: list[bytes], name: bytes, value: bytes, never: tuple[bytes, ...]) -> None:
        """Encode a field that is not a line yet; its name in lower case."""
        self._line(out, b"%b: %b\r\n" % (name, value), name, value, never)

    def _line(self, out: list[bytes], line: bytes, name: bytes, value: bytes, never: tuple[bytes, ...]) -> None:
        """Encode the line of a field, its name in lower case."""
        if name == b"authorization" or (name == b"cookie" and len(value) < SHORT_COOKIE) or name in never:
            out.append(_literal(_NEVER, name, value))
            return
        index = self._find(line)
        if index:
            out.append(_integer(0x80, 7, index))
        elif not self._fits(line) or not self._seen_before(line):
            out.append(_literal(_WITHOUT, name, value))
        else:
            out.append(_literal(_INDEXED, name, value))
            self._evict(self._max - (len(line) - _AROUND + OVERHEAD))
            self._entries.append(line)
            self._numbers[line] = self._added
            self._added += 1
            self._size += len(line) - _AROUND + OVERHEAD

    def _seen_before(self, line: bytes) -> bool:
        """Whether a line was seen lately, letters in either case; if not, it is from now on."""
        folded = line.translate(_FOLDED)
        if folded in self._seen:
            return True
        if len(self._seen) == SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[folded] = None
        return False

    def _blocks(self, out: list[bytes], blocks: tuple[bytes, ...], never: tuple[bytes, ...], request: bool) -> None:
        for block in blocks:
            lines = block.split(b"\n")
            if lines.pop():
                raise ValueError("a block has something else than field lines")
            for start in lines:
                line = start + b"\n"
                if line.startswith(b":"):  # what the tables have of pseudo-fields is not for blocks
                    raise ValueError("a block has something else than field lines")
                if request and line[:5].lower() == b"host:":
                    continue
                index = 0 if never else self._find(_lowered(line))
                if index:
                    out.append(_integer(0x80, 7, index))
                else:
                    self._odd_line(out, line, never, request)

    def _odd_line(self, out: list[bytes], line: bytes, never: tuple[bytes, ...], request: bool) -> None:
        """A line that is in no table as it is: any white space around the value, the name in any case."""
        name, colon, value = line.partition(b":")
        if not colon or not is_token(name) or not value.endswith(b"\r\n"):
            raise ValueError("a block has something else than field lines")
        name, value = name.lower(), value[:-2].strip(b" \t")
        if VALUE_BYTES.fullmatch(value) is None:
            raise ValueError("a block has something else than field lines")
        if not _stays(name, request):
            self._line(out, b"%b: %b\r\n" % (name, value), name, value, never)

    def _frames(self, stream: int, end: bool, block: bytes, data: bytes) -> bytes:
        """The frames of a message, or its beginning (RFC 9113 section 6)."""
        size = self._max_frame
        pieces = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
        out = []
        for number, piece in enumerate(pieces):
            flags = END_HEADERS if number + 1 == len(pieces) else 0
            if not number and end and not data:
                flags |= END_STREAM
            out += [_frame_head(len(piece), CONTINUATION if number else HEADERS, flags, stream), piece]
        if data:
            out += [_frame_head(len(data), DATA, END_STREAM if end else 0, stream), data]
        return b"".join(out)


def _lowered(line: bytes) -> bytes:
    """A line with its name in lower case."""
    name, colon, rest = line.partition(b":")
    return name.lower() + colon + rest


def _frame_head(length: int, kind: int, flags: int, stream: int) -> bytes:
    return (length << 48 | kind << 40 | flags << 32 | stream).to_bytes(9, "big")


def _integer(first: int, bits: int, value: int) -> bytes:
    """RFC 7541 section 5.1."""
    mask = (1 << bits) - 1
    if value < mask:
        return bytes((first | value,))
    out = [first | mask]
    value -= mask
    while value >= 128:
        out.append(0x80 | value & 0x7F)
        value >>= 7
    out.append(value)
    return bytes(out)


def _string(text: bytes) -> bytes:
    """RFC 7541 section 5.2, as it is."""
    return _integer(0, 7, len(text)) + text


def _literal(representation: int, name: bytes, value: bytes) -> bytes:
    """RFC 7541 section 6.2."""
    index = _NAMES.get(name, 0)
    head = _integer(representation, 6 if representation == _INDEXED else 4, index)
    return b"".join((head, b"" if index else _string(name), _string(value)))
