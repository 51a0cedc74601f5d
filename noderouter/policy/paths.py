"""Paths of requests, as policies compare them (pure): what can be read in two ways is nobody's path.

Nothing is normalised: a request goes on as it came. But a server behind us may read `/api/../admin`, `//admin`,
`/%61dmin` or `/admin;x=1` as `/admin`, and another may not. So what is compared has to have one reading:

    segments     none empty but the last (`//`), none `.` or `..`
    characters   none of `\\`, `;`, `#`, controls, blanks, bytes above 0x7f
    escapes      whole, and not of a character that needs none (RFC 3986 section 2.3: letters, digits, `-._~`), nor of
                 `/`, `\\`, `;`, controls; none that escapes another (`%2541`); together UTF-8, and of the shortest form

What remains is compared decoded: `/a%40b` and `/a@b` are one path to every server, as are `%c3%a9` and `%C3%A9`.

Runs for every request where a rule has paths; compiled with the data path.
"""

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from noderouter.policy.path_pattern import PathPattern

_PLAIN: Final = re.compile(
    rb"""((?:/[A-Za-z0-9_~!$&'()*+,=:@"<>^`{|}\[\]\-][A-Za-z0-9._~!$&'()*+,=:@"<>^`{|}\[\]\-]*+)*+/?)(?:\?|\Z)"""
)
"""A path of which every character stands for itself, and no segment begins with a dot."""
_THEMSELVES: Final = bytes(range(0x21, 0x7F)).translate(None, b"\\;#?")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_NEVER_ESCAPED: Final = frozenset(_UNRESERVED + b"/\\;\x7f" + bytes(range(0x20)))
_AGAIN: Final = re.compile(rb"%25[0-9A-Fa-f]{2}")


def readable(target: bytes) -> bytes | None:
    """Return the path of a target, decoded; None where two servers could read it differently.

    `*`, the target of OPTIONS, is itself. The query does not count.
    """
    plain = _PLAIN.match(target)
    if plain is not None and plain[1]:
        found: bytes = plain[1]
        return found
    return _looked_at(target.partition(b"?")[0])


def _looked_at(path: bytes) -> bytes | None:
    """The same for a path with something unusual in it."""
    if path == b"*":
        return path
    if not path.startswith(b"/") or b"//" in path or b"\\" in path or b";" in path or b"#" in path:
        return None
    for segment in path.split(b"/"):
        if segment in (b".", b".."):
            return None
    if path.translate(None, _THEMSELVES) or _AGAIN.search(path):
        return None
    for code in _ESCAPE.findall(path):
        if not code or int(code, 16) in _NEVER_ESCAPED:
            return None
    decoded = unquote_to_bytes(path)
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return decoded


class Paths:
    """Any of several patterns, made quick."""

    __slots__ = ("_below", "_exact", "_regex")

    def __init__(self, patterns: "tuple[PathPattern, ...]") -> None:
        self._exact = frozenset([each.exact for each in patterns if each.exact is not None])
        self._below = tuple([each.below for each in patterns if each.below is not None])
        regexes = [each.regex for each in patterns if each.regex is not None]
        self._regex = re.compile("|".join(regexes).encode(), re.DOTALL) if regexes else None

    def match(self, path: bytes) -> bool:
        """Whether a path, as `readable` returns it, is meant."""
        if path in self._exact or path.startswith(self._below):
            return True
        return self._regex is not None and self._regex.fullmatch(path) is not None
