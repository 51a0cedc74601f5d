"""Tokens, values, targets and authorities: the grammar of heads in every version, for parsers in Python.

`_grammar.h` is the same for those in C. RFC 9110 sections 5.5 and 5.6.2, RFC 9112 section 3.2, RFC 3986 section 3.2.

Which bytes a target may have is wider than RFC 3986, because browsers and curl send more without encoding it: path
and query may hold ``" ^ ` { | } [ ]``, bytes from 0x80 on (raw UTF-8, or whatever the two ends take them for), and a
``%`` that begins no escape; the query may hold ``\\``. Refused are ``# < >``, a ``\\`` in the path (some servers read
it as ``/``), space, and control bytes. A target is forwarded as it came, never re-encoded.

An authority is ``host[:port]``. A comma in it, though allowed by RFC 3986, is refused: it is what two Host fields
joined by somebody look like. User information is refused (RFC 9110 section 4.2.4).
"""

import re
import socket
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client of HTTP/2 sends first, and none of HTTP/1 can (RFC 9113 section 3.4)."""

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""One byte of a token, as a pattern."""

VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]"
"""One byte of a field value, as a pattern."""

PATH: Final = rb"""[!"$-;=@-\[\]-~\x80-\xff]"""
"""One byte of a path, as a pattern."""

QUERY: Final = rb"""[!"$-;=?-~\x80-\xff]"""
"""One byte of a query, as a pattern."""

TARGET: Final = PATH + rb"*+(?:\?" + QUERY + b"*+)?"
"""A target, as a pattern."""

MAX_FIELDS: Final = 512
"""Fields in a head or a trailer section. Browsers send about 15; each one costs us time."""

# Throughout: possessive quantifiers, so that nothing is ever tried twice, but on single bytes only. Before Python
# 3.11.5, those on groups match what they should not (CPython issue 106052).
_TEXT: Final = re.compile(TOKEN + b"++")
_AUTHORITY: Final = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|(?:[0-9A-Za-z\-._~!$&'()*+;=]++|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)


def is_token(text: bytes) -> bool:
    """Whether `text` is a token of RFC 9110 section 5.6.2."""
    return _TEXT.fullmatch(text) is not None


def is_authority(text: bytes, *, port: bool = False) -> bool:
    """Whether `text` is ``host[:port]`` with a host; `port` asks for ``host:port`` with both."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return False
    if found[1] is not None:
        try:
            socket.inet_pton(socket.AF_INET6, found[1].decode("ascii"))
        except OSError:
            return False
    if not found[2]:
        return not port
    return int(found[2]) <= 65535  # five digits 0 to 9 at most, says the pattern
