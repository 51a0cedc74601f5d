"""The left side of a dentry: labels to compare, and `*` for any one label."""

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
        if len(self.elements) > len(path):
            return False
        pairs = zip(self.elements, path.labels, strict=False)
        return all(element is None or element == label for element, label in pairs)

    def show(self) -> str:
        """Write the prefix so that `parse` reads the same one back."""
        return "/" + "/".join("*" if element is None else show_label(element) for element in self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def __str__(self) -> str:
        return self.show()
