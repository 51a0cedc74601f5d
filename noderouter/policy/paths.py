"""Paths of requests, as policies compare them (pure): what can be read in two ways is nobody's path.

Nothing is normalised: a request goes on as it came. But a server behind us may read `/api/../admin`, `//admin`,
`/%61dmin` or `/admin;x=1` as `/admin`, and another may not. So what is compared has to have one reading:

    segments     none empty but the last (`//`), none `.` or `..`
    characters   none of `\\`, `;`, `#`, controls, blanks, bytes above 0x7f
    escapes      whole, and not of a character that needs none (RFC 3986 section 2.3: letters, digits, `-._~`), nor of
                 `/`, `\\`, `;`, controls; none that escapes another (`%2541`); together UTF-8, and of the shortest form

What remains is compared decoded: `/a%40b` and `/a@b` are one path to every server, as are `%c3%a9` and `%C3%A9`.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

_PLAIN: Final = bytes(range(0x21, 0x7F)).translate(None, b"%\\;#?")
"""What stands for itself in a path, whatever is next to it but `/` and `.`."""
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_NEVER_ESCAPED: Final = frozenset(_UNRESERVED + b"/\\;\x7f" + bytes(range(0x20)))
_AGAIN: Final = re.compile(rb"%25[0-9A-Fa-f]{2}")
LONGEST: Final = 1000
"""Of a pattern, in characters."""


def readable(target: bytes) -> bytes | None:
    """Return the path of a target, decoded; None where two servers could read it differently.

    `*`, the target of OPTIONS, is itself. The query does not count.
    """
    path = target
    end = target.find(b"?")
    if end >= 0:
        path = target[:end]
    if path.translate(None, _PLAIN) or b"/." in path or b"//" in path or not path.startswith(b"/"):
        return _looked_at(path)
    return path


def _looked_at(path: bytes) -> bytes | None:
    """The same for a path with something unusual in it."""
    if path == b"*":
        return path
    if not path.startswith(b"/") or b"//" in path or b"\\" in path or b";" in path or b"#" in path:
        return None
    for segment in path.split(b"/"):
        if segment in (b".", b".."):
            return None
    if path.translate(None, _PLAIN + b"%") or _AGAIN.search(path):
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


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Paths that a rule means: `/a` itself, `/a/*` any one segment below it, `/a/**` itself and all below it.

    A `*` stands for any characters within a segment, `**` only for all segments from there on.
    """

    text: str
    exact: bytes | None = field(default=None, compare=False)
    """The one path that it means."""
    below: bytes | None = field(default=None, compare=False)
    """What the paths begin with that it means, beside `exact`."""
    regex: str | None = field(default=None, compare=False)
    """Where it is neither of the two."""

    @classmethod
    def parse(cls, text: str) -> "PathPattern":
        """Read one.

        Raises:
            ValueError: it is none, or no request could match it; says what is wrong.
        """
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        if not text.startswith("/"):
            raise ValueError("a path begins with /, such as /api/**")
        if "?" in text:
            raise ValueError("a path has no query: `?` and what follows is not compared")
        whole = text.endswith("/**")
        stem = text[:-3] if whole else text
        if "**" in stem:
            raise ValueError("`**` stands for all that follows, so it is the last segment, as in /api/**")
        if any(segment.count("*") > 1 for segment in stem.split("/")):
            raise ValueError("one `*` in a segment is enough; more would take long to compare")
        path = readable((stem or "/").encode())
        if path is None:
            raise ValueError("no request with this path is let through: it can be read in two ways")
        if b"*" not in path:
            if not whole:
                return cls(text, path)
            return cls(text, path if stem else b"/", path + b"/" if stem else b"/")
        pattern = re.escape(path.decode()).replace(r"\*", "[^/]*")
        return cls(text, None, None, pattern + "(?:/.*)?" if whole else pattern)

    def __str__(self) -> str:
        return self.text


class Paths:
    """Any of several patterns, made quick."""

    __slots__ = ("_below", "_exact", "_regex")

    def __init__(self, patterns: tuple[PathPattern, ...]) -> None:
        self._exact = frozenset([each.exact for each in patterns if each.exact is not None])
        self._below = tuple([each.below for each in patterns if each.below is not None])
        regexes = [each.regex for each in patterns if each.regex is not None]
        self._regex = re.compile("|".join(regexes).encode(), re.DOTALL) if regexes else None

    def match(self, path: bytes) -> bool:
        """Whether a path, as `readable` returns it, is meant."""
        if path in self._exact or path.startswith(self._below):
            return True
        return self._regex is not None and self._regex.fullmatch(path) is not None
