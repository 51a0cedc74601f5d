"""A name: labels, one after the other, as in `/svc/hello`.

Everything in the language is made of paths: identifiers make them of requests, dentries rewrite them, namers
take them. A label is any non-empty byte string; how it is written is the business of `show` and `parse`.

Invariants: no label is empty; a path never changes; equal paths have equal hashes, computed once.
"""

import re
from typing import Final

from dtab.scanner import Scanner

_SHOWABLE_LABEL = re.compile(rb"[0-9A-Za-z_:.#$%\-]+")


class Path:
    """An immutable sequence of labels."""

    __slots__ = ("_hash", "_shown", "labels")

    EMPTY: Final["Path"]  # type: ignore[misc]

    def __init__(self, labels: tuple[bytes, ...] = ()) -> None:
        """Raises ValueError where a label is empty."""
        if b"" in labels:
            raise ValueError(f"a path has no empty labels: {labels!r}")
        self.labels: Final = labels
        self._hash: Final = hash(labels)
        self._shown: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Path":
        """Read a path; blanks and comments may surround it.

        Raises:
            ParseError: `text` is no path.
        """
        scanner = Scanner(text)
        labels = scanner.labels()
        scanner.require_end()
        return cls(labels)

    @classmethod
    def of(cls, *labels: str | bytes) -> "Path":
        """Make a path of labels as they are, not escaped; text becomes UTF-8."""
        return cls(tuple(label.encode() if isinstance(label, str) else label for label in labels))

    def show(self) -> str:
        """Write the path so that `parse` reads the same one back."""
        if self._shown is None:
            self._shown = "/" + "/".join(map(show_label, self.labels))
        return self._shown

    def take(self, count: int) -> "Path":
        """The first `count` labels."""
        return Path(self.labels[:count])

    def drop(self, count: int) -> "Path":
        """All but the first `count` labels."""
        return Path(self.labels[count:]) if count else self

    def starts_with(self, prefix: "Path") -> bool:
        """Whether the labels of `prefix` are the first of this path."""
        return self.labels[: len(prefix.labels)] == prefix.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: "Path") -> "Path":
        if not other.labels:
            return self
        return Path(self.labels + other.labels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.labels == other.labels

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self.show()

    def __repr__(self) -> str:
        return f"<Path {self.show()}>"


Path.EMPTY = Path()  # type: ignore[misc]


def show_label(label: bytes) -> str:
    r"""A label as it is written: raw where every byte may be, else every byte as `\xhh`."""
    if _SHOWABLE_LABEL.fullmatch(label):
        return label.decode("ascii")
    return "\\x" + label.hex(" ").replace(" ", "\\x")
