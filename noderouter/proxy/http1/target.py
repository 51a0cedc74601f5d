"""Request targets and authorities (RFC 9112 section 3.2; RFC 3986 section 3.2).

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

from noderouter.proxy.http1.fields import HeadError

PATH: Final = rb"""[!"$-;=@-\[\]-~\x80-\xff]"""
"""One byte of a path, as a pattern."""

QUERY: Final = rb"""[!"$-;=?-~\x80-\xff]"""
"""One byte of a query, as a pattern."""

_AUTHORITY: Final = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|(?:[0-9A-Za-z\-._~!$&'()*+;=]++|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)
_ABSOLUTE: Final = re.compile(
    rb"(https?)://([^/?]*+)((?:/" + PATH + rb"*+|(?=\?|\Z))(?:\?" + QUERY + b"*+)?)", re.IGNORECASE
)


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


def is_target(method: bytes, target: bytes) -> str | None:
    """Judge the form of a target whose bytes are right: None, or what is wrong with it."""
    if method == b"CONNECT":
        return None if is_authority(target, port=True) else "the target of CONNECT is not host:port"
    if target.startswith(b"/"):
        return None
    if target == b"*":
        return None if method == b"OPTIONS" else "the target * is for OPTIONS only"
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return "the target is neither a path nor an http or https URI"
    return None if is_authority(found[2]) else "the authority of the target is not host[:port]"


def split_absolute(target: bytes, method: bytes = b"GET") -> tuple[bytes, bytes, bytes]:
    """Take an absolute-form target apart (RFC 9112 sections 3.2.2 and 3.2.4).

    Returns:
        scheme (lower case), authority, and the origin-form for the next hop: nothing is re-encoded, an empty path
        becomes ``/``, and ``*`` for OPTIONS where there is no query either.

    Raises:
        HeadError: not an http or https URI, or its authority is not ``host[:port]``.
    """
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise HeadError(400, "the target is neither a path nor an http or https URI")
    if not is_authority(found[2]):
        raise HeadError(400, "the authority of the target is not host[:port]")
    origin = found[3]
    if not origin and method == b"OPTIONS":
        origin = b"*"
    elif not origin.startswith(b"/"):
        origin = b"/" + origin
    return found[1].lower(), found[2], origin
