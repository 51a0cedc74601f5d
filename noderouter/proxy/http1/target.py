"""Request targets of HTTP/1 in their four forms (RFC 9112 section 3.2); their bytes are those of `http.grammar`."""

import re
from typing import Final

from noderouter.proxy.http.grammar import PATH, QUERY, is_authority
from noderouter.proxy.http1.fields import HeadError

_ABSOLUTE: Final = re.compile(
    rb"(https?)://([^/?]*+)((?:/" + PATH + rb"*+|(?=\?|\Z))(?:\?" + QUERY + b"*+)?)", re.IGNORECASE
)


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
