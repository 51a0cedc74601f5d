"""Patterns of paths with captures, as `io.l5d.rewrite` and `io.l5d.static` use them (docs/linkerd1.md section 1.8).

    /svc/{service}/*/v{version}.x    matches /svc/hello/any/v2.x/and/more; service is hello, version is 2

A pattern matches the first labels of a path; what follows is ignored. Segments are compared with labels as they
are *shown*, and captures are shown labels, so that what is captured can be put into a path again.

A pattern may lack its first slash, and may have one more behind the last segment.

Unlike Linkerd's, a segment is anchored: `{host}.com` does not match `foo.com.evil`. Captures are greedy: where
there is a choice, the first one takes the most. Matching takes time linear in the label, whatever the pattern.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dtab.path import Path, show_label
from dtab.scanner import ParseError

_NAME = r"[A-Za-z0-9.:-_]+"
"""What a capture may be called; `:-_` is a range, as in Linkerd, so `-` is not in it."""
_CAPTURE = re.compile(r"\{(" + _NAME + r")\}")
_LITERAL = re.compile(r"(?:[0-9A-Za-z_:.#$%\-]|\\x[0-9a-fA-F]{2})+")

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class _Segment:
    """Literals with captures between them: one literal more than there are names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    def match(self, label: str) -> dict[str, str] | None:
        """The captures, or None. Literals are placed from the right, which makes captures on the left greedy."""
        head, tail = self.literals[0], self.literals[-1]
        if not self.names:
            return {} if label == head else None
        end = len(label) - len(tail)
        if end < len(head) or not label.startswith(head) or not label.endswith(tail):
            return None
        captured = []
        for literal in self.literals[-2:0:-1]:
            at = label.rfind(literal, len(head), end)
            if at < 0:
                return None
            captured.append(label[at + len(literal) : end])
            end = at
        captured.append(label[len(head) : end])
        return dict(zip(self.names, reversed(captured), strict=True))


class PathMatcher:
    """A pattern, ready to match."""

    __slots__ = ("_segments", "pattern")

    def __init__(self, pattern: str) -> None:
        """Read a pattern.

        Raises:
            ParseError: nothing at all, or a segment that could never match or has a malformed capture.
        """
        self.pattern: Final = pattern
        if not pattern:
            raise ParseError(pattern, 0, "'/'")
        self._segments: Final = tuple(self._read_segments()) if pattern != "/" else ()

    def match(self, path: Path) -> dict[str, str] | None:
        """The captures, by name (of equal names the last), or None where `path` does not match."""
        if len(path) < len(self._segments):
            return None
        captures: dict[str, str] = {}
        for segment, label in zip(self._segments, path.labels, strict=False):
            if segment is None:
                continue
            found = segment.match(show_label(label))
            if found is None:
                return None
            captures |= found
        return captures

    def substitute(self, path: Path, template: str) -> str | None:
        """`template` with the captures of `path` filled in, or None where that does not match."""
        captures = self.match(path)
        return None if captures is None else fill(template, captures)

    def substitute_path(self, path: Path, template: str) -> Path | None:
        """The same as a path.

        Raises:
            ParseError: what comes out is none.
        """
        text = self.substitute(path, template)
        return None if text is None else Path.parse(text)

    def __len__(self) -> int:
        return len(self._segments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathMatcher) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"<PathMatcher {self.pattern}>"

    def _read_segments(self) -> list[_Segment | None]:
        segments: list[_Segment | None] = []
        offset = 1 if self.pattern.startswith("/") else 0
        for text in self.pattern[offset:].removesuffix("/").split("/"):
            segments.append(None if text == ANY else self._read_segment(text, offset))
            offset += len(text) + 1
        return segments

    def _read_segment(self, text: str, offset: int) -> _Segment:
        if not text:
            raise ParseError(self.pattern, offset, "label char")
        literals, names = [""], []
        position = 0
        while position < len(text):
            if capture := _CAPTURE.match(text, position):
                names.append(capture[1])
                literals.append("")
                position = capture.end()
            elif literal := _LITERAL.match(text, position):
                literals[-1] = literal[0]
                position = literal.end()
            else:
                raise ParseError(self.pattern, offset + position, "label char or {name}")
        if not names:
            literals = [Path.parse("/" + text).show()[1:]]  # escaped the way labels are shown
        return _Segment(tuple(literals), tuple(names))


def fill(template: str, captures: Mapping[str, str]) -> str:
    """Put captured text where `{name}` stands; other names stay as they are."""
    return _CAPTURE.sub(lambda hole: captures.get(hole[1], hole[0]), template)
