"""Binding: from a name to concrete names, by rewriting it until namers know what it is.

    bind(leaf path)    look the path up in the dtab; where that says nothing, ask the namers; bind what comes out
    bind(leaf bound)   itself, with the weight of the union around it
    bind(a | b | c)    the first that is not negative; one that is pending or failed stops the search
    bind(a & b & c)    the union of those that succeeded; if none did, the first failure; if none failed, pending
    bind(~ ! $)        itself

The result has no Alt in it.

The same function serves traffic (alternatives are tried one after the other, so that no lookup is made, and no
watch opened, that the result does not need) and the dtab playground (`explore`: every alternative is followed).

Everything is bounded, because a dtab may come with a request: rewriting depth as in Linkerd, and besides the
number of steps (`/a => /a & /a` doubles with each rewriting), the length of a path, the names found (`dtab.limits`),
and how unions nest in the result. What goes beyond is a failure with its own text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from dtab.delegation import Delegation, Result
from dtab.dtab import Dentry, Dtab
from dtab.limits import BASE, BYTES_PER_STEP, LABELS_PER_STEP, NODES_PER_STEP, Limits
from dtab.path import Path
from dtab.result import Bound, Failed, Ok, Pending
from dtab.steps import Dead, Found, Node, Trouble, Waiting, choose, delegate, split
from dtab.trampoline import Task, run
from dtab.tree import NEG, Alt, Leaf, NameTree, Terminal, Union, Weighted, unite

Answer = Pending | Ok[NameTree[Path | Bound]] | Failed
"""What namers say of a name; path leaves are bound again."""

Lookup = Callable[[Path], Answer]
"""Asks the namers; synchronous: an answer that is not known yet is Pending."""

MAX_DEPTH: Final = 100
"""Lookups in a row, as in Finagle."""
MAX_UNIONS: Final = 200
"""Unions inside unions in a result; whoever uses it may recurse. Depth 100 with a union in each step fits twice."""

_TOO_DEEP: Final = f"Max recursion level: {MAX_DEPTH} reached in Namer lookup"

Outcome = tuple[Result, Node]
_Option = tuple[NameTree[Path | Bound], Path, "_At"]


def bind(dtab: Dtab, path: Path, lookup: Lookup, *, explore: bool = False, limits: Limits = BASE) -> Delegation:
    """Bind `path`.

    Args:
        dtab: base, then what overrides it.
        path: the name.
        lookup: asked for each path of which the dtab says nothing (or just `~`).
        explore: follow every alternative, also behind the one that decides; the result is the same.
        limits: what the binding may cost; a failure beyond.

    Exceptions of `lookup` pass through.
    """
    binder = _Binder(dtab, lookup, explore, limits)
    result, root = run(binder.name(path, _At(path, None, 0, None, 0)))
    exceeded = binder.exceeded()
    if exceeded is not None:
        if explore:  # the result needs less than the whole tree
            result = bind(dtab, path, lookup, limits=limits).result
        else:
            # A union would have dropped the members that were cut off: better no answer than half of one.
            result = Failed(exceeded)
    return Delegation(result, root)


class _At(NamedTuple):
    """Where a tree stands: it is what `path` means, by way of `dentry`."""

    path: Path
    dentry: Dentry | None
    depth: int
    weight: float | None
    unions: int


class _Binder:
    """One binding. Its methods are tasks; only trees inside alternatives and unions are tasks of their own."""

    __slots__ = ("_dtab", "_explore", "_limits", "_lookup", "leaves_left", "steps_left")

    def __init__(self, dtab: Dtab, lookup: Lookup, explore: bool, limits: Limits) -> None:
        self._dtab = dtab
        self._lookup = lookup
        self._explore = explore
        self._limits = limits
        self.steps_left = limits.steps
        self.leaves_left = limits.leaves

    def exceeded(self) -> str | None:
        """Which limit cut the binding off, in words; None where none did."""
        if self.steps_left < 0:
            return f"Max steps: {self._limits.steps} reached in Namer lookup"
        if self.leaves_left < 0:
            return f"Max leaves: {self._limits.leaves} reached in Namer lookup"
        return None

    def name(self, path: Path, at: _At) -> Task[Outcome]:
        """Bind a path that stands in a tree at `at`."""
        if len(path) > self._limits.labels:
            return _trouble(path, at, f"Max path length: {self._limits.labels} labels reached in Namer lookup")
        matches, nodes = self._dtab.search(path)
        self.steps_left -= len(matches) + nodes // NODES_PER_STEP
        if not matches or (len(matches) == 1 and matches[0].dst is NEG):
            return (yield from self._ask(path, at, matches))
        if at.depth == MAX_DEPTH:
            return _trouble(path, at, _TOO_DEEP, "Max recursion level reached.")
        options: Iterator[_Option] = (
            (
                dentry.dst,
                self._dropped(path, len(dentry.prefix)),
                _At(path, dentry, at.depth + 1, at.weight, at.unions),
            )
            for dentry in matches
        )
        return (yield from self._alternatives(options, path, at.dentry))

    def _dropped(self, path: Path, count: int) -> Path:
        """`path` without its first labels; copying the others is work, too."""
        self.steps_left -= len(path) // LABELS_PER_STEP
        return path.drop(count)

    def _ask(self, path: Path, at: _At, matches: Sequence[Dentry]) -> Task[Outcome]:
        """Ask the namers."""
        self.steps_left -= self._limits.lookup_steps + sum(map(len, path.labels)) // BYTES_PER_STEP
        if self.steps_left < 0:
            return _trouble(path, at, "Max steps reached.")
        answer = self._lookup(path)
        if isinstance(answer, Pending):
            return answer, Waiting(path, at.dentry)
        if isinstance(answer, Failed):
            return answer, Trouble(path, at.dentry, answer.message)
        if at.depth == MAX_DEPTH:
            return _trouble(path, at, _TOO_DEEP, "Max recursion level reached.")
        tree = answer.tree
        if tree is NEG and matches:
            return Ok(NEG), delegate(path, at.dentry, Dead(path, matches[0], NEG, written=True))
        if isinstance(tree, Terminal):
            return Ok(tree), Dead(path, at.dentry, tree)
        below = _At(path, None, at.depth + 1, at.weight, at.unions)
        result, node = yield from self.tree(tree, Path.EMPTY, below)
        return result, delegate(path, at.dentry, node)

    def tree(self, tree: NameTree[Path | Bound], rest: Path, at: _At) -> Task[Outcome]:
        """Bind a tree, with `rest` to be appended to its paths."""
        self.steps_left -= 1
        if self.steps_left < 0:
            return _trouble(at.path, at, "Max steps reached.")
        if isinstance(tree, Leaf):
            value = tree.value
            if isinstance(value, Path):
                self.steps_left -= (len(value) + len(rest)) // LABELS_PER_STEP
                return (yield from self.name(value + rest, at))
            self.leaves_left -= 1
            if self.leaves_left < 0:
                return _trouble(at.path, at, "Max leaves reached.")
            bound = value if at.weight is None else replace(value, weight=at.weight)
            return Ok(Leaf(bound)), Found(at.path, at.dentry, bound)
        if isinstance(tree, Alt):
            options = ((one, rest, at) for one in tree.trees)
            return (yield from self._alternatives(options, at.path, at.dentry))
        if isinstance(tree, Union):
            if at.unions == MAX_UNIONS:
                return _trouble(at.path, at, f"Max nested unions: {MAX_UNIONS} reached in Namer lookup")
            return (yield from self._union(tree.branches, rest, at))
        assert isinstance(tree, Terminal)
        return Ok(tree), Dead(at.path, at.dentry, tree, written=True)

    def _cut_off(self) -> bool:
        return self.steps_left < 0 or self.leaves_left < 0

    def _alternatives(self, options: Iterator[_Option], path: Path, dentry: Dentry | None) -> Task[Outcome]:
        decided: Result | None = None
        nodes: list[Node] = []
        for option in options:
            result, node = yield self.tree(*option)
            nodes.append(node)
            if decided is None and not (isinstance(result, Ok) and result.tree is NEG):
                decided = result
            if self._cut_off() or (decided is not None and not self._explore):
                break
        return Ok(NEG) if decided is None else decided, choose(path, dentry, nodes)

    def _union(self, branches: Sequence[Weighted[Path | Bound]], rest: Path, at: _At) -> Task[Outcome]:
        results: list[tuple[float, Result]] = []
        nodes: list[tuple[float, Node]] = []
        for branch in branches:
            inside = _At(at.path, at.dentry, at.depth, branch.weight, at.unions + 1)
            result, node = yield self.tree(branch.tree, rest, inside)
            results.append((branch.weight, result))
            nodes.append((branch.weight, node))
            if self._cut_off():
                break
        return _united(results), split(at.path, at.dentry, nodes)


def _united(results: Sequence[tuple[float, Result]]) -> Result:
    """The result of a union: the members that succeeded, else the first failure, else pending."""
    if not results:
        return Ok(NEG)
    succeeded = [Weighted(weight, result.tree) for weight, result in results if isinstance(result, Ok)]
    if succeeded:
        return Ok(unite(succeeded))
    return next((result for _, result in results if isinstance(result, Failed)), Pending())


def _trouble(path: Path, at: _At, message: str, shown: str | None = None) -> Outcome:
    """A failure; the delegation shows `shown` instead where Linkerd words it differently there."""
    return Failed(message), Trouble(path, at.dentry, message if shown is None else shown)
