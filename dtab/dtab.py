"""Delegation tables: dentries, in order; the later the stronger.

A dtab rewrites a path by every dentry whose prefix matches; what it says is a tree in which the last dentry comes
first and the earlier ones are its fallback. Binding (`dtab.binder`) does that again and again.

Invariants: a dtab never changes; adding two shares their indexes, because every request with an `l5d-dtab` header
adds a few dentries to a table that may be long.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dtab.grammar import parse_dentries, parse_dentry
from dtab.index import Index
from dtab.path import Path
from dtab.prefix import Prefix
from dtab.tree import NEG, Alt, NameTree

_MAX_PARTS: Final = 8
"""A sum of more dtabs is indexed anew: a lookup asks the index of every part."""


@dataclass(frozen=True, slots=True)
class Dentry:
    """A rule: names that begin with `prefix` stand for `dst`, with the rest of the name appended."""

    prefix: Prefix
    dst: NameTree[Path]

    @classmethod
    def parse(cls, text: str) -> "Dentry":
        """Read one dentry; blanks and comments may surround it.

        Raises:
            ParseError: `text` is no dentry.
        """
        located = parse_dentry(text)
        return cls(located.prefix, located.tree)

    def apply(self, path: Path) -> NameTree[Path]:
        """What the dentry makes of a path that its prefix matches."""
        rest = path.drop(len(self.prefix))
        return self.dst.map(lambda target: target + rest)

    def show(self) -> str:
        """Write the dentry so that `parse` reads the same one back."""
        return f"{self.prefix.show()}=>{self.dst.show()}"

    def __str__(self) -> str:
        return self.show()


class _Part:
    """Some of the dentries, and their index, made when it is first needed."""

    __slots__ = ("_index", "dentries")

    def __init__(self, dentries: tuple[Dentry, ...]) -> None:
        self.dentries = dentries
        self._index: Index | None = None

    def search(self, path: Path) -> tuple[list[Dentry], int]:
        if self._index is None:
            self._index = Index(dentry.prefix for dentry in self.dentries)
        positions, nodes = self._index.find(path.labels)
        return [self.dentries[position] for position in positions], nodes


class Dtab:
    """An immutable table of dentries."""

    __slots__ = ("_hash", "_parts", "dentries")

    EMPTY: Final["Dtab"]  # type: ignore[misc]

    def __init__(self, dentries: Iterable[Dentry] = ()) -> None:
        self.dentries = tuple(dentries)
        self._parts: tuple[_Part, ...] = (_Part(self.dentries),)
        self._hash: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Dtab":
        """Read a dtab: dentries with `;` between them, and perhaps one after the last.

        Raises:
            ParseError: `text` is no dtab.
        """
        return cls(Dentry(located.prefix, located.tree) for located in parse_dentries(text))

    def show(self) -> str:
        """Write the dtab so that `parse` reads the same one back."""
        return ";".join(dentry.show() for dentry in self.dentries)

    def matches(self, path: Path) -> list[Dentry]:
        """The dentries that apply to `path`, the last first."""
        return self.search(path)[0]

    def search(self, path: Path) -> tuple[list[Dentry], int]:
        """The same, and how many places of the index were looked at: what it cost."""
        found, nodes = self._parts[-1].search(path)
        for part in self._parts[-2::-1]:
            more, visited = part.search(path)
            found += more
            nodes += visited
        return found, nodes

    def lookup(self, path: Path) -> NameTree[Path]:
        """What the dtab says of `path`: NEG where no dentry applies, else one tree per dentry, the last first."""
        trees = [dentry.apply(path) for dentry in self.matches(path)]
        if len(trees) > 1:
            return Alt(tuple(trees))
        return trees[0] if trees else NEG

    def __add__(self, other: "Dtab") -> "Dtab":
        """This dtab, then `other`, which is the stronger."""
        if not other.dentries:
            return self
        if not self.dentries:
            return other
        both = Dtab(self.dentries + other.dentries)
        parts = self._parts + other._parts
        if len(parts) <= _MAX_PARTS:
            both._parts = parts
        return both

    def __len__(self) -> int:
        return len(self.dentries)

    def __iter__(self) -> Iterator[Dentry]:
        return iter(self.dentries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtab) and self.dentries == other.dentries

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.dentries)
        return self._hash

    def __str__(self) -> str:
        return self.show()

    def __repr__(self) -> str:
        return f"<Dtab {self.show()}>"


Dtab.EMPTY = Dtab()  # type: ignore[misc]
