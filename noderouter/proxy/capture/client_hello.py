"""The first message of TLS, for two of its extensions: server name and application protocols.

Pure; each call begins at the first byte again. Only a hello that is there as a whole and is right counts: records of
the handshake and nothing between them (RFC 8446 section 5.1), the message to its last byte (section 4.1.2, and RFC
5246 section 7.4.1.2 for those without extensions), server_name (RFC 6066 section 3), ALPN (RFC 7301 section 3.1).
Anything else is `NotHello`, and is not ours to answer: the server behind shall say what is wrong with it.

Bounded: the caller bounds the bytes, and `MAX_RECORDS` bounds what is done for them.
"""

import re
from dataclasses import dataclass
from struct import Struct
from typing import Final

HANDSHAKE: Final = 22
CLIENT_HELLO: Final = 1
MAJOR: Final = 3
"""Of the version that all of SSL 3.0 to TLS 1.3 write; what follows is not to be looked at (RFC 8446 section 5.1)."""
RECORD_HEADER_BYTES: Final = 5
MAX_FRAGMENT: Final = 1 << 14
MAX_RECORDS: Final = 64
"""Hellos come in one record, or in a few; many small ones would be work and no name."""

SERVER_NAME: Final = 0
ALPN: Final = 16
HOST_NAME: Final = 0

_EXTENSION: Final = Struct("!HH")
"""Its type and its length."""

MAX_NAME_BYTES: Final = 253
_LABEL: Final = rb"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rb"(?:" + _LABEL + rb"\.)*(?![0-9]+\Z)" + _LABEL)
"""A host name (RFC 1123 section 2.1, with the underscore that people use): an address or a trailing dot is none."""


class NotHello(Exception):
    """What came is no ClientHello, or none that could be answered."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What it asks for: a server's name in lower case, None where there is none that is a host name; protocols."""

    sni: bytes | None
    alpn: tuple[bytes, ...]


def read_client_hello(data: bytes, max_bytes: int) -> ClientHello | None:
    """The ClientHello that `data` begins with; None where the rest of it is missing.

    Raises:
        NotHello: it is none, or will not fit into `max_bytes`.
    """
    message = _reassemble(data, max_bytes)
    return None if message is None else _hello(_Reader(message))


def _reassemble(data: bytes, max_bytes: int) -> bytes | None:
    """The message from its records, without its own header."""
    message = b""
    start = 0
    for _ in range(MAX_RECORDS):
        header = data[start : start + RECORD_HEADER_BYTES]
        _judge_record(header)
        if len(header) < RECORD_HEADER_BYTES:
            return None
        start += RECORD_HEADER_BYTES
        end = start + int.from_bytes(header[3:], "big")
        before = len(message)
        message += data[start:end]
        length = _judge_message(message)
        if length is not None:
            if len(message) >= length:
                return message[4:length]
            if start + length - before > max_bytes:
                raise NotHello("too large")
        if end > len(data):
            return None
        start = end
    raise NotHello("too many records")


def _judge_record(header: bytes) -> None:
    """Judge a record's header, as far as it is there."""
    if header[:1] not in (b"", bytes((HANDSHAKE,))):
        raise NotHello("a record of another type")
    if header[1:2] not in (b"", bytes((MAJOR,))):
        raise NotHello("a version that is none of TLS")
    if len(header) == RECORD_HEADER_BYTES and not 0 < int.from_bytes(header[3:], "big") <= MAX_FRAGMENT:
        raise NotHello("an empty or oversized record")


def _judge_message(message: bytes) -> int | None:
    """Judge the message's header: its length with the header, None where that is not there yet."""
    if message[:1] not in (b"", bytes((CLIENT_HELLO,))):
        raise NotHello("a handshake message of another type")
    return None if len(message) < 4 else 4 + int.from_bytes(message[1:4], "big")


class _Reader:
    """Takes a structure apart from left to right."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """So many bytes."""
        start = self._at
        self._at = start + count
        if self._at > len(self._data):
            raise NotHello("a length that says more than there is")
        return self._data[start : self._at]

    def number(self, width: int) -> int:
        """An integer of so many bytes."""
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int, least: int, most: int = 0xFFFF) -> bytes:
        """Bytes behind their length, which has `width` bytes and is within the bounds."""
        length = self.number(width)
        if not least <= length <= most:
            raise NotHello("a length that is not allowed")
        return self.take(length)


def _hello(message: _Reader) -> ClientHello:
    if message.number(1) != MAJOR:
        raise NotHello("a version that is none of TLS")
    message.take(1 + 32)  # minor version, random
    message.vector(1, 0, 32)  # session id
    if len(message.vector(2, 2)) % 2:
        raise NotHello("half a cipher suite")
    message.vector(1, 1)  # compression methods
    found = _extensions(message.vector(2, 0)) if message.more() else {}
    if message.more():
        raise NotHello("bytes behind the extensions")
    names, protocols = found.get(SERVER_NAME), found.get(ALPN)
    sni = None if names is None else _server_name(names)
    return ClientHello(sni, () if protocols is None else _protocols(protocols))


def _extensions(block: bytes) -> dict[int, bytes]:
    """Without a reader: there are twenty of them, and this is half of the work."""
    found: dict[int, bytes] = {}
    at, size = 0, len(block)
    while at < size:
        start = at + _EXTENSION.size
        if start > size:
            raise NotHello("half an extension")
        kind, length = _EXTENSION.unpack_from(block, at)
        at = start + length
        if at > size:
            raise NotHello("a length that says more than there is")
        if kind in found:
            raise NotHello("an extension twice")
        found[kind] = block[start:at]
    return found


def _server_name(extension: bytes) -> bytes | None:
    """RFC 6066 section 3: at most one name of each type, and the only type there is, is that of host names."""
    outer = _Reader(extension)
    names = _Reader(outer.vector(2, 1))
    if outer.more():
        raise NotHello("bytes behind the server names")
    found: dict[int, bytes] = {}
    while names.more():
        kind = names.number(1)
        if kind in found:
            raise NotHello("two server names of a type")
        found[kind] = names.vector(2, 1)
    name = found.get(HOST_NAME, b"").lower()
    return name if len(name) <= MAX_NAME_BYTES and _NAME.fullmatch(name) else None


def _protocols(extension: bytes) -> tuple[bytes, ...]:
    """RFC 7301 section 3.1."""
    outer = _Reader(extension)
    names = _Reader(outer.vector(2, 2))
    if outer.more():
        raise NotHello("bytes behind the protocols")
    found = []
    while names.more():
        found.append(names.vector(1, 1))
    return tuple(found)
