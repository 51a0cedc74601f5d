"""Patterns of paths, as policies write them (pure)."""

import re
from dataclasses import dataclass, field
from typing import Final

from noderouter.policy.paths import readable

LONGEST: Final = 1000
"""Of a pattern, in characters."""


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
        if path is None or (whole and stem.endswith("/")):
            raise ValueError("no request with this path is let through: it can be read in two ways")
        if path.count(b"*") != stem.count("*"):
            raise ValueError("`%2A` cannot be told from a `*`, which stands for any characters: write that")
        if b"*" not in path:
            if not whole:
                return cls(text, path)
            return cls(text, path if stem else b"/", path + b"/" if stem else b"/")
        pattern = re.escape(path.decode()).replace(r"\*", "[^/]*")
        return cls(text, None, None, pattern + "(?:/.*)?" if whole else pattern)

    def __str__(self) -> str:
        return self.text
