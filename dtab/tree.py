"""Name trees: what a name may stand for.

    /a | /b        Alt: the first that is not negative
    /a & 3 * /b    Union: each request takes one, by weight
    ~  !  $        Neg: no such name; Fail: stop looking; Empty: a name without endpoints

Trees are values: parsed, printed, simplified, evaluated, never changed. `simplified` and `eval` agree:
`tree.simplified.eval() == tree.eval()` for every tree.

Trees may come from a stranger's header, and binding nests them further. So nothing here recurses: each class
knows one level, and `_fold` puts the levels together, children first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Generic, Never, TypeVar

from dtab.scanner import MAX_WEIGHT

if TYPE_CHECKING:
    from dtab.path import Path

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)

DEFAULT_WEIGHT: Final = 1.0

# How tightly a printed tree holds together; a child that holds less tightly than its place needs parentheses.
_LOOSE, _UNION, _SIMPLE = range(3)
_Shown = tuple[str, int]


class NameTree(Generic[T_co]):
    """A tree with leaves of some type: paths where it was parsed, bound names where it was bound."""

    __slots__ = ()

    @staticmethod
    def parse(text: str) -> "NameTree[Path]":
        """Read a tree of paths; blanks and comments may surround it.

        Raises:
            ParseError: `text` is no tree.
        """
        from dtab.grammar import parse_tree  # the grammar needs the classes below

        return parse_tree(text)

    @property
    def children(self) -> Sequence["NameTree[T_co]"]:
        """The trees right below."""
        return ()

    def show(self) -> str:
        """Write the tree so that `parse` reads the same one back."""
        return _fold(self, lambda node, below: node._show(below))[0]

    @property
    def simplified(self) -> "NameTree[T_co]":
        """A tree that evaluates the same, without the parts that cannot matter."""
        return _fold(self, lambda node, below: node._simplify(below))

    def map(self, change: Callable[[T_co], U]) -> "NameTree[U]":
        """The same tree with other leaves."""
        return _fold(self, lambda node, below: node._map(change, below))

    def eval(self) -> frozenset[T_co] | None:
        """The values the tree stands for, or None where it is negative or fails."""
        found = _fold(self, lambda node, below: node._evaluate(below))
        return found.value if isinstance(found, Leaf) else None

    def leaves(self) -> Iterator[T_co]:
        """The values of all leaves, from left to right."""
        todo: list[NameTree[T_co]] = [self]
        while todo:
            tree = todo.pop()
            if isinstance(tree, Leaf):
                yield tree.value
            todo.extend(reversed(tree.children))

    def __eq__(self, other: object) -> bool:
        todo: list[tuple[object, object]] = [(self, other)]
        while todo:
            mine, theirs = todo.pop()
            if mine is theirs:
                continue
            if not isinstance(mine, NameTree) or type(mine) is not type(theirs):
                return False
            assert isinstance(theirs, NameTree)  # the types are the same
            if mine._own() != theirs._own() or len(mine.children) != len(theirs.children):
                return False
            todo.extend(zip(mine.children, theirs.children, strict=True))
        return True

    def __hash__(self) -> int:
        return _fold(self, lambda node, below: hash((type(node), node._own(), *below)))

    def __str__(self) -> str:
        return self.show()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.show()}>"

    def _own(self) -> object:
        """What two trees of one class need to have equal, apart from their children."""
        return None

    def _show(self, below: Sequence[_Shown]) -> _Shown:
        raise NotImplementedError

    def _simplify(self, below: "Sequence[NameTree[Any]]") -> "NameTree[T_co]":
        raise NotImplementedError

    def _map(self, change: Callable[[T_co], U], below: "Sequence[NameTree[U]]") -> "NameTree[U]":
        raise NotImplementedError

    def _evaluate(self, below: "Sequence[NameTree[frozenset[Any]]]") -> "NameTree[frozenset[Any]]":
        """NEG, FAIL, or a leaf with a set."""
        raise NotImplementedError


def _fold(tree: NameTree[T], visit: Callable[[NameTree[T], list[U]], U]) -> U:
    """Visit every node after its children, with what visiting them gave."""
    todo: list[tuple[NameTree[T], bool]] = [(tree, False)]
    done: list[U] = []
    while todo:
        node, ready = todo.pop()
        if ready or not node.children:
            first = len(done) - len(node.children)
            below = done[first:]
            del done[first:]
            done.append(visit(node, below))
        else:
            todo.append((node, True))
            todo.extend((child, False) for child in reversed(node.children))
    return done[0]


class Terminal(NameTree[Never]):
    """One of NEG, EMPTY and FAIL; there are no others, so compare by identity."""

    __slots__ = ("name", "symbol")

    def __init__(self, name: str, symbol: str) -> None:
        self.name = name
        self.symbol = symbol

    def __reduce__(self) -> str:
        return self.name  # a copy, or one that was pickled, is the same object

    def _own(self) -> object:
        return self.symbol

    def _show(self, below: Sequence[_Shown]) -> _Shown:
        return self.symbol, _SIMPLE

    def _simplify(self, below: Sequence[NameTree[Any]]) -> NameTree[Never]:
        return self

    def _map(self, change: Callable[[Never], U], below: Sequence[NameTree[U]]) -> NameTree[U]:
        return self

    def _evaluate(self, below: Sequence[NameTree[frozenset[Any]]]) -> NameTree[frozenset[Any]]:
        return Leaf(frozenset()) if self is EMPTY else self


NEG: Final = Terminal("NEG", "~")
"""No such name: an Alt goes on with its next tree."""
EMPTY: Final = Terminal("EMPTY", "$")
"""The name exists and has no endpoints; an Alt stops here."""
FAIL: Final = Terminal("FAIL", "!")
"""Nothing will be found; an Alt stops here."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Leaf(NameTree[T_co]):
    """One name."""

    value: T_co

    def _own(self) -> object:
        return self.value

    def _show(self, below: Sequence[_Shown]) -> _Shown:
        return str(self.value), _SIMPLE

    def _simplify(self, below: Sequence[NameTree[Any]]) -> NameTree[T_co]:
        return self

    def _map(self, change: Callable[[T_co], U], below: Sequence[NameTree[U]]) -> NameTree[U]:
        return Leaf(change(self.value))

    def _evaluate(self, below: Sequence[NameTree[frozenset[Any]]]) -> NameTree[frozenset[Any]]:
        return Leaf(frozenset((self.value,)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Alt(NameTree[T_co]):
    """Ordered alternatives: the first that is not negative counts."""

    trees: tuple[NameTree[T_co], ...]

    @property
    def children(self) -> Sequence[NameTree[T_co]]:
        return self.trees

    def _show(self, below: Sequence[_Shown]) -> _Shown:
        if len(below) < 2:
            return below[0] if below else (NEG.symbol, _SIMPLE)
        return " | ".join(_guarded(child, _UNION) for child in below), _LOOSE

    def _simplify(self, below: Sequence[NameTree[Any]]) -> NameTree[T_co]:
        kept: list[NameTree[T_co]] = []
        for tree in below:
            if tree is not NEG:
                kept.append(tree)
            if tree is FAIL:
                break
        if len(kept) > 1:
            return Alt(tuple(kept))
        return kept[0] if kept else NEG

    def _map(self, change: Callable[[T_co], U], below: Sequence[NameTree[U]]) -> NameTree[U]:
        return Alt(tuple(below))

    def _evaluate(self, below: Sequence[NameTree[frozenset[Any]]]) -> NameTree[frozenset[Any]]:
        return next((tree for tree in below if tree is not NEG), NEG)


@dataclass(frozen=True, slots=True)
class Weighted(Generic[T_co]):
    """A branch of a union, and its share of the requests (raises ValueError where that is negative or too great)."""

    weight: float
    tree: NameTree[T_co]

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MAX_WEIGHT:  # NaN is not either
            raise ValueError(f"a weight is a number from 0 to {MAX_WEIGHT:g}: {self.weight}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Union(NameTree[T_co]):
    """Weighted branches: each request takes one of them."""

    branches: tuple[Weighted[T_co], ...]

    @property
    def children(self) -> Sequence[NameTree[T_co]]:
        return [branch.tree for branch in self.branches]

    def _own(self) -> object:
        return tuple(branch.weight for branch in self.branches)

    def _show(self, below: Sequence[_Shown]) -> _Shown:
        if len(below) < 2:
            return below[0] if below else (NEG.symbol, _SIMPLE)
        weights = (show_weight(branch.weight) for branch in self.branches)
        shown = (weight + _guarded(child, _SIMPLE) for weight, child in zip(weights, below, strict=True))
        return " & ".join(shown), _UNION

    def _simplify(self, below: Sequence[NameTree[Any]]) -> NameTree[T_co]:
        return unite(self._reweighted(below))

    def _map(self, change: Callable[[T_co], U], below: Sequence[NameTree[U]]) -> NameTree[U]:
        return Union(self._reweighted(below))

    def _evaluate(self, below: Sequence[NameTree[frozenset[Any]]]) -> NameTree[frozenset[Any]]:
        if len(below) == 1:
            return below[0]
        sets = [tree.value for tree in below if isinstance(tree, Leaf)]
        return Leaf(frozenset().union(*sets)) if sets else NEG

    def _reweighted(self, below: Sequence[NameTree[U]]) -> tuple[Weighted[U], ...]:
        return tuple(Weighted(branch.weight, tree) for branch, tree in zip(self.branches, below, strict=True))


def unite(branches: Sequence[Weighted[T]]) -> NameTree[T]:
    """The union of branches that are simplified already, itself simplified.

    A lone branch is its tree, even FAIL; among several, NEG and FAIL do not count.
    """
    if len(branches) == 1:
        return branches[0].tree
    kept = tuple(branch for branch in branches if branch.tree is not NEG and branch.tree is not FAIL)
    if len(kept) > 1:
        return Union(kept)
    return kept[0].tree if kept else NEG


def show_weight(weight: float) -> str:
    """A weight as it is written before its tree: nothing for 1, else two decimals as Linkerd has it.

    Where two decimals would read back as another number, as many as it takes: dtabs travel as text.
    """
    if weight == DEFAULT_WEIGHT:
        return ""
    text = f"{weight:.2f}"
    return (text if float(text) == weight else f"{Decimal(repr(weight)):f}") + "*"


def _guarded(child: _Shown, needed: int) -> str:
    text, tightness = child
    return text if tightness >= needed else f"({text})"
