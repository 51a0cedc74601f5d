"""What one field of HTTP/2 means, whatever stands around it (RFC 9113 sections 8.2 and 8.3); `_rules.h` is its twin.

A table of HPACK keeps the answer with each entry, so that it is found once for what is sent again and again.
"""

import re
from enum import IntEnum, auto
from typing import Final

from noderouter.proxy.http.field_names import CONNECTION_SPECIFIC, FieldKind, kind_of
from noderouter.proxy.http.grammar import PATH, QUERY, TOKEN, VALUE, is_authority, is_token


class HpackError(ValueError):
    """A header block cannot be decoded: the connection is lost (COMPRESSION_ERROR, RFC 9113 section 4.3)."""


class FieldClass(IntEnum):
    """What a field is, as far as it alone tells."""

    FORWARDED = auto()
    COOKIE = auto()
    METHOD = auto()
    SCHEME = auto()
    AUTHORITY = auto()
    PATH = auto()
    PROTOCOL = auto()
    STATUS = auto()
    HOST = auto()
    LENGTH = auto()
    ACTED_ON = auto()
    """In `Exchange.reserved`."""
    LEFT_OUT = auto()
    WRONG = auto()


OVERHEAD: Final = 32
"""Of a field, in the RFC's count of its size (RFC 7541 section 4.1)."""


NO_AUTHORITY: Final = "neither :authority nor Host"
"""What is wrong with a request that HTTP/1.1 has an answer for (RFC 9112 section 3.2)."""

PSEUDO: Final = {
    b":method": FieldClass.METHOD,
    b":scheme": FieldClass.SCHEME,
    b":authority": FieldClass.AUTHORITY,
    b":path": FieldClass.PATH,
    b":protocol": FieldClass.PROTOCOL,
    b":status": FieldClass.STATUS,
}

MAX_DIGITS: Final = 32
"""Of the length of a response; see `http1.head_pure`."""

VALUE_BYTES: Final = re.compile(VALUE + b"*+")
"""A whole field value."""
_LOWER_TOKEN: Final = re.compile(TOKEN.replace(b"A-Z", b"") + b"++")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*+")
_TARGET: Final = re.compile(b"(?=[^\x80-\xff]*+\\Z)" + PATH + rb"*+(?:\?" + QUERY + b"*+)?")
"""The bytes of an HTTP/1 target, but none above 126 (RFC 9113 section 8.3.1 wants those of RFC 3986)."""
_STATUS: Final = re.compile(rb"[1-9][0-9][0-9]")
_LENGTH: Final = re.compile(rb"[0-9]{1,%d}" % MAX_DIGITS)


class Field:
    """A field, and what it is, found out when that is asked for."""

    __slots__ = ("kind", "line", "name", "reason", "size", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value
        self.size = len(name) + len(value) + OVERHEAD
        self.kind: FieldClass | None = None
        self.reason = ""
        """What is wrong with it."""
        self.line = b""
        """Name, colon, space, value, CRLF."""

    def __repr__(self) -> str:
        return f"<Field {self.name!r}: {self.value!r}>"

    def judge(self) -> FieldClass:
        """Its class; `reason` and `line` are known from now on."""
        if self.kind is None:
            self.kind, self.reason = classify(self.name, self.value)
            self.line = b"%b: %b\r\n" % (self.name, self.value)
        return self.kind


def classify(name: bytes, value: bytes) -> tuple[FieldClass, str]:
    """The class of a field, and what is wrong with it if that is WRONG."""
    if VALUE_BYTES.fullmatch(value) is None:
        return FieldClass.WRONG, "a control byte in a field value"
    if value and (value[0] in b" \t" or value[-1] in b" \t"):
        return FieldClass.WRONG, "white space around a field value"
    if name.startswith(b":"):
        wrong = _judge_pseudo(name, value)
        return (FieldClass.WRONG, wrong) if wrong else (PSEUDO[name], "")
    if _LOWER_TOKEN.fullmatch(name) is None:
        return FieldClass.WRONG, "a field name is not a lower-case token"
    if name in CONNECTION_SPECIFIC:
        return FieldClass.WRONG, "a connection-specific field"
    kind = kind_of(name)
    if kind is FieldKind.HOST:
        return FieldClass.HOST, "" if is_authority(value) else "Host is not host[:port]"
    if kind is FieldKind.LENGTH:
        if _LENGTH.fullmatch(value) is None:
            return FieldClass.WRONG, "Content-Length is not a number, or has too many digits"
        return FieldClass.LENGTH, ""
    if kind is FieldKind.DROPPED:
        return FieldClass.LEFT_OUT, ""
    if name == b"te" and value.lower() != b"trailers":
        return FieldClass.WRONG, "te is not trailers"
    if kind is not None:
        return FieldClass.ACTED_ON, ""
    return FieldClass.COOKIE if name == b"cookie" else FieldClass.FORWARDED, ""


def _judge_pseudo(name: bytes, value: bytes) -> str:
    """What is wrong with a pseudo-field; "" if nothing is."""
    match PSEUDO.get(name):
        case FieldClass.METHOD:
            return "" if is_token(value) else ":method is not a token"
        case FieldClass.SCHEME:
            return "" if _SCHEME.fullmatch(value) else ":scheme is not a scheme"
        case FieldClass.AUTHORITY:
            return "" if is_authority(value) else ":authority is not host[:port]"
        case FieldClass.PATH:
            if not value or _TARGET.fullmatch(value) is None:
                return ":path is empty or has a byte that is not allowed"
            return "" if value.startswith(b"/") or value == b"*" else ":path does not begin with /"
        case FieldClass.PROTOCOL:
            return "" if is_token(value) else ":protocol is not a token"
        case FieldClass.STATUS:
            if value == b"101":
                return "a status of 101, which HTTP/2 does not have"
            return "" if _STATUS.fullmatch(value) else ":status is not three digits from 100 to 999"
        case _:
            return "an unknown pseudo-field"
