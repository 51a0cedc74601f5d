"""The left side of a dentry: labels to compare, and `*` for any one label."""

from collections.abc import Sequence
from dataclasses import dataclass

from dtab.path import Path, show_label
from dtab.scanner import Scanner


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the first labels of a path have to be; an element of None is `*`."""

    elements: tuple[bytes | None, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Prefix":
        """Read a prefix; blanks and comments may surround it.

        Raises:
            ParseError: `text` is no prefix.
        """
        scanner = Scanner(text)
        elements = scanner.prefix_elements()
        scanner.require_end()
        return cls(elements)

    def matches(self, path: Path) -> bool:
        """Whether `path` begins like this."""
        return len(self.elements) <= len(path) and self.covers(path.labels)

    def covers(self, elements: Sequence[bytes | None]) -> bool:
        """Whether every path that begins with `elements` matches, compared up to the shorter of the two."""
        return all(mine is None or mine == other for mine, other in zip(self.elements, elements, strict=False))

    def show(self) -> str:
        """Write the prefix so that `parse` reads the same one back."""
        return "/" + "/".join("*" if element is None else show_label(element) for element in self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def __str__(self) -> str:
        return self.show()
