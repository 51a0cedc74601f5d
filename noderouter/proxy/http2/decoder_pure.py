"""The decoder of HPACK in Python: the twin of `_decode.h` and `_take.h`. What it promises is written in `hpack`.

Theory of operation: a block is taken apart into fields first (RFC 7541), whatever they say, so that the table is what
the peer's is; then they are judged one by one (RFC 9113 section 8), and the first thing that is wrong decides.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from noderouter.core.message import Reserved
from noderouter.proxy.http.field_names import NOT_IN_TRAILERS, NOT_IN_TRAILERS_PREFIXES
from noderouter.proxy.http.grammar import MAX_FIELDS, is_authority
from noderouter.proxy.http2 import huffman
from noderouter.proxy.http2.field_rules import NO_AUTHORITY, Field, FieldClass, HpackError
from noderouter.proxy.http2.hpack_tables import STATIC

RequestFields = tuple[bytes, bytes, bytes | None, bytes, bytes | None, bytes, Reserved | None, int, int, str]
"""method, scheme, authority, path, protocol, block, reserved, length, status, reason."""

ResponseFields = tuple[int, bytes, Reserved | None, int, int, str]
"""status code, block, reserved, length, status, reason."""

TrailerFields = tuple[bytes, Reserved | None, int, str]
"""block, status, reason."""

FIRST_SIZE: Final = 4096
"""Of every table in bytes, until something else was said (RFC 9113 section 6.5.2)."""

LARGEST_SIZE: Final = 65536
_STATIC: Final = [Field(name, value) for name, value in STATIC]
_REQUEST_ONLY: Final = frozenset(
    {FieldClass.METHOD, FieldClass.SCHEME, FieldClass.AUTHORITY, FieldClass.PATH, FieldClass.PROTOCOL}
)


class _Wrong(Exception):
    """A message is malformed (400) or too large (431)."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class _Message:
    """What is known of one message so far."""

    def __init__(self, request: bool) -> None:
        self.request = request
        self.pseudo: dict[FieldClass, bytes] = {}
        self.host: bytes | None = None
        self.length = -1
        self.regular = False
        self.lines: list[bytes] = []
        self.cookies: list[bytes] = []
        self.reserved: list[tuple[bytes, bytes]] = []

    def take(self, field: Field, never: bool) -> None:
        """Judge one field; `never`: it was a literal that is never indexed."""
        kind, name, value = field.judge(), field.name, field.value
        if kind is FieldClass.WRONG:
            raise _Wrong(field.reason)
        if kind in _REQUEST_ONLY or kind is FieldClass.STATUS:
            self._pseudo(kind, value)
        else:
            self.regular = True
            if kind is FieldClass.LENGTH:
                self._length(value)
            elif kind is FieldClass.COOKIE and self.request:
                self.cookies.append(value)
            elif kind is FieldClass.HOST and self.request:
                self._host(value, field.reason)
            elif kind is FieldClass.ACTED_ON:
                self.reserved.append((name, value))
            elif kind is not FieldClass.LEFT_OUT:
                self.lines.append(field.line)
        # The encoder never indexes `authorization` anyhow, so that the usual secret costs no object.
        if never and kind is not FieldClass.LEFT_OUT and name != b"authorization":
            self.reserved.append((b":never-indexed", name))

    def _pseudo(self, kind: FieldClass, value: bytes) -> None:
        if self.request is (kind is FieldClass.STATUS):
            raise _Wrong("a pseudo-field of the other kind of message")
        if self.regular:
            raise _Wrong("a pseudo-field behind other fields")
        if kind in self.pseudo:
            raise _Wrong("a pseudo-field twice")
        self.pseudo[kind] = value

    def _host(self, value: bytes, reason: str) -> None:
        """RFC 9113 section 8.3.1: it may be there instead of :authority, or say the same."""
        if reason:
            raise _Wrong(reason)
        if self.host is not None:
            raise _Wrong("more than one Host")
        self.host = value
        authority = self.pseudo.get(FieldClass.AUTHORITY)
        if authority is not None and authority.lower() != value.lower():
            raise _Wrong("Host and :authority differ")

    def _length(self, value: bytes) -> None:
        if self.request and len(value) > 18:
            raise _Wrong("Content-Length is not a number, or has too many digits")
        if self.length >= 0:
            raise _Wrong("more than one Content-Length")
        self.length = int(value)  # digits 0 to 9 only, says its class

    def block(self) -> bytes:
        """The field lines, Host first, cookies last."""
        cookies = [b"cookie: %b\r\n" % b"; ".join(filter(None, self.cookies))] if self.cookies else []
        authority = self.authority() if self.request else None
        host = [b"host: %b\r\n" % authority] if authority is not None else []
        return b"".join([*host, *self.lines, *cookies])

    def authority(self) -> bytes | None:
        """That of the pseudo-field, or else Host."""
        return self.pseudo.get(FieldClass.AUTHORITY, self.host)

    def forwarded(self) -> Reserved | None:
        """The reserved fields."""
        return tuple(self.reserved) if self.reserved else None

    def judge(self, extended: bool) -> None:
        """What a whole request must have (RFC 9113 sections 8.3.1 and 8.5, RFC 8441 section 4)."""
        has = self.pseudo
        method = has.get(FieldClass.METHOD)
        connect, protocol = method == b"CONNECT", FieldClass.PROTOCOL in has
        if method is None:
            raise _Wrong("no :method")
        if connect and self.length > 0:
            raise _Wrong("CONNECT with a body")
        if connect and not protocol:
            if FieldClass.SCHEME in has or FieldClass.PATH in has:
                raise _Wrong("CONNECT with :scheme or :path")
            if self.authority() is None:
                raise _Wrong(NO_AUTHORITY)
            if not is_authority(has.get(FieldClass.AUTHORITY, b""), port=True):
                raise _Wrong("the :authority of CONNECT is not host:port")
            return
        if protocol and not connect:
            raise _Wrong(":protocol without CONNECT")
        if protocol and not extended:
            raise _Wrong("an extended CONNECT, which was not offered")
        if FieldClass.SCHEME not in has:
            raise _Wrong("no :scheme")
        if FieldClass.PATH not in has:
            raise _Wrong("no :path")
        if self.authority() is None:
            raise _Wrong(NO_AUTHORITY)
        if has[FieldClass.PATH] == b"*" and method != b"OPTIONS":
            raise _Wrong("the :path * is for OPTIONS only")


_FRAMING: Final = (b"content-length", b"host")


class Decoder:
    """See `hpack`."""

    __slots__ = (
        "_data", "_end", "_entries", "_limit", "_lowered", "_max", "_pos", "_size", "any_trailers", "extended_connect",
        "max_fields", "max_list", "max_size",
    )  # fmt: skip

    def __init__(
        self,
        max_size: int = FIRST_SIZE,
        max_list: int = 61440,
        max_fields: int = MAX_FIELDS,
        extended_connect: bool = False,
    ) -> None:
        if not 0 <= max_size <= LARGEST_SIZE:
            raise ValueError(f"max_size has to be 0 to {LARGEST_SIZE}")
        self.max_size = max_size
        self.max_list = max_list
        self.max_fields = max_fields
        self.extended_connect = extended_connect
        self.any_trailers = False
        self._entries: deque[Field] = deque()  # newest first
        self._size = 0
        self._max = FIRST_SIZE
        self._limit = max(max_size, FIRST_SIZE)
        self._lowered = False
        self._data = b""
        self._pos = self._end = 0

    def acknowledged(self) -> None:
        """See `hpack`."""
        self._limit = self.max_size
        self._lowered = self._max > self._limit

    def request(self, data: bytes, pos: int, stop: int) -> RequestFields:
        """See `hpack`."""
        message = _Message(True)
        try:
            for field, never in self._counted(data, pos, stop):
                message.take(field, never)
            message.judge(self.extended_connect)
        except _Wrong as wrong:
            return b"", b"", None, b"", None, b"", None, -1, wrong.status, str(wrong)
        get = message.pseudo.get
        return (
            get(FieldClass.METHOD, b""),
            get(FieldClass.SCHEME, b""),
            message.authority(),
            get(FieldClass.PATH, b""),
            get(FieldClass.PROTOCOL),
            message.block(),
            message.forwarded(),
            message.length,
            0,
            "",
        )

    def response(self, data: bytes, pos: int, stop: int) -> ResponseFields:
        """See `hpack`."""
        message = _Message(False)
        try:
            for field, never in self._counted(data, pos, stop):
                message.take(field, never)
            if FieldClass.STATUS not in message.pseudo:
                raise _Wrong("no :status")
        except _Wrong as wrong:
            return 0, b"", None, -1, wrong.status, str(wrong)
        status = int(message.pseudo[FieldClass.STATUS])  # three digits 0 to 9, says its class
        return status, message.block(), message.forwarded(), message.length, 0, ""

    def trailers(self, data: bytes, pos: int, stop: int) -> TrailerFields:
        """See `hpack`."""
        lines = []
        reserved: list[tuple[bytes, bytes]] = []
        try:
            for field, never in self._counted(data, pos, stop):
                kind, name = field.judge(), field.name
                if kind is FieldClass.WRONG:
                    raise _Wrong(field.reason)
                if name.startswith(b":"):
                    raise _Wrong("a pseudo-field among trailer fields")
                if name in _FRAMING or (
                    not self.any_trailers and (name in NOT_IN_TRAILERS or name.startswith(NOT_IN_TRAILERS_PREFIXES))
                ):
                    raise _Wrong("a trailer field that must not be one")
                if kind is FieldClass.FORWARDED:
                    lines.append(field.line)
                    if never and name != b"authorization":
                        reserved.append((b":never-indexed", name))
        except _Wrong as wrong:
            return b"", None, wrong.status, str(wrong)
        return b"".join(lines), tuple(reserved) or None, 0, ""

    def _counted(self, data: bytes, pos: int, stop: int) -> Iterator[tuple[Field, bool]]:
        """The fields of a block, up to where they become too many; the table is up to date before the first."""
        size = 0
        for count, field in enumerate(self._fields(data, pos, stop), 1):
            size += field[0].size
            if count > self.max_fields:
                raise _Wrong("too many fields", 431)
            if size > self.max_list:
                raise _Wrong("the list of fields is too large", 431)
            yield field

    def _fields(self, data: bytes, pos: int, stop: int) -> list[tuple[Field, bool]]:
        """Take a block apart; with each field, whether it was never indexed.

        What is beyond the limits is taken apart as well, for the table, and not kept.
        """
        if not 0 <= pos <= stop <= len(data):
            raise ValueError("pos and stop are not within data")
        self._data, self._pos, self._end = data, pos, stop
        found: list[tuple[Field, bool]] = []
        updates = size = 0
        begun = False
        while self._pos < stop:
            first = data[self._pos]
            if first & 0xE0 == 0x20:
                if begun or updates == 2:
                    raise HpackError(
                        "a table size update that is not at the beginning of a header block, or the third there"
                    )
                updates += 1
                self._update()
                continue
            if self._lowered:
                raise HpackError("no table size update although the limit is lower than before")
            begun = True
            field = self._get(self._integer(0x7F)) if first & 0x80 else self._literal(first)
            if size <= self.max_list and len(found) <= self.max_fields:
                found.append((field, first & 0xF0 == 0x10))
                size += field.size
        return found

    def _update(self) -> None:
        size = self._integer(0x1F)
        if size > self._limit:
            raise HpackError("a table size update above the limit")
        self._max = size
        self._evict(size)
        self._lowered = False

    def _literal(self, first: int) -> Field:
        """RFC 7541 section 6.2."""
        added = first & 0x40
        index = self._integer(0x3F if added else 0x0F)
        name = self._get(index).name if index else self._string()
        field = Field(name, self._string())
        if added:
            if field.size > self._max:
                self._evict(0)
            else:
                self._evict(self._max - field.size)
                self._entries.appendleft(field)
                self._size += field.size
        return field

    def _evict(self, size: int) -> None:
        while self._size > size:
            self._size -= self._entries.pop().size

    def _get(self, index: int) -> Field:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        index -= len(_STATIC) + 1
        if not 0 <= index < len(self._entries):
            raise HpackError("an index of a header block is in neither table")
        return self._entries[index]

    def _integer(self, mask: int) -> int:
        """RFC 7541 section 5.1; no more than four bytes follow the first."""
        value = self._data[self._pos] & mask
        self._pos += 1
        if value == mask:
            for shift in range(0, 35, 7):
                if self._pos == self._end:
                    raise HpackError("the header block ends within a field")
                if shift > 21:
                    raise HpackError("an integer of a header block is too large")
                byte = self._data[self._pos]
                self._pos += 1
                value += (byte & 0x7F) << shift
                if byte < 0x80:
                    break
        return value

    def _string(self) -> bytes:
        """RFC 7541 section 5.2."""
        if self._pos == self._end:
            raise HpackError("the header block ends within a field")
        coded = self._data[self._pos] & 0x80
        size = self._integer(0x7F)
        if size > self._end - self._pos:
            raise HpackError("the header block ends within a field")
        text = self._data[self._pos : self._pos + size]
        self._pos += size
        return huffman.decode(text) if coded else text
