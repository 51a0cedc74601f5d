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
number of steps (`/a => /a & /a` doubles with each rewriting), the length of a path, and the nesting of the result.
What goes beyond is a failure with its own text.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dtab.delegation import (
    Dead,
    Delegation,
    Found,
    Node,
    Result,
    Trouble,
    Waiting,
    choose,
    delegate,
    split,
)
from dtab.dtab import Dentry, Dtab
from dtab.path import Path
from dtab.result import Bound, Failed, Ok, Pending
from dtab.trampoline import Task, run
from dtab.tree import NEG, Alt, Leaf, NameTree, Terminal, Union, Weighted, unite

Lookup = Callable[[Path], Pending | Ok[NameTree[Path | Bound]] | Failed]
"""Asks the namers; synchronous: an answer that is not known yet is Pending."""

MAX_DEPTH: Final = 100
"""Lookups in a row, as in Finagle."""
MAX_STEPS: Final = 20_000
"""Dentries applied, trees visited and lookups made, per binding: about 0.1 s of work."""
MAX_LABELS: Final = 1_000
"""In any path on the way."""
MAX_NESTING: Final = 640
"""JSON containers around a node of the delegation; all of depth 100 with an Alt of Unions in each step fits."""

_TOO_DEEP: Final = f"Max recursion level: {MAX_DEPTH} reached in Namer lookup"

Outcome = tuple[Result, Node]


def bind(dtab: Dtab, path: Path, lookup: Lookup, *, explore: bool = False, max_steps: int = MAX_STEPS) -> Delegation:
    """Bind `path`.

    Args:
        dtab: base, then what overrides it.
        path: the name.
        lookup: asked for each path of which the dtab says nothing (or just `~`).
        explore: follow every alternative, also behind the one that decides; the result is the same.
        max_steps: what the binding may cost; a failure beyond.

    Exceptions of `lookup` pass through.
    """
    binder = _Binder(dtab, lookup, explore, max_steps)
    result, root = run(binder.name(path, _At(path, None, 0, None, 1)))
    return Delegation(result, root)


class _At(NamedTuple):
    """Where a tree stands: it is what `path` means, by way of `dentry`."""

    path: Path
    dentry: Dentry | None
    depth: int
    weight: float | None
    nesting: int


class _Binder:
    """One binding."""

    __slots__ = ("_dtab", "_explore", "_lookup", "_steps_left")

    def __init__(self, dtab: Dtab, lookup: Lookup, explore: bool, max_steps: int) -> None:
        self._dtab = dtab
        self._lookup = lookup
        self._explore = explore
        self._steps_left = max_steps

    def name(self, path: Path, at: _At) -> Task[Outcome]:
        """Bind a path that stands in a tree at `at`."""
        if len(path) > MAX_LABELS:
            return _trouble(path, at, f"Max path length: {MAX_LABELS} labels reached in Namer lookup")
        matches = self._dtab.matches(path)
        self._steps_left -= len(matches)
        if self._steps_left < 0:
            return self._out_of_steps(path, at)
        below = _At(path, None, at.depth + 1, at.weight, at.nesting + 2)
        if not matches or (len(matches) == 1 and matches[0].dst is NEG):
            outcome: Outcome = yield self._ask(path, at, below, matches)
            return outcome
        if below.depth > MAX_DEPTH:
            return _too_deep(path, at)
        options = [(dentry.dst, path.drop(len(dentry.prefix)), below._replace(dentry=dentry)) for dentry in matches]
        outcome = yield self._alternatives(options, path, at.dentry)
        return outcome

    def _ask(self, path: Path, at: _At, below: _At, matches: Sequence[Dentry]) -> Task[Outcome]:
        """Ask the namers."""
        answer = self._lookup(path)
        if isinstance(answer, Pending):
            return answer, Waiting(path, at.dentry)
        if isinstance(answer, Failed):
            return answer, Trouble(path, at.dentry, answer.message)
        if below.depth > MAX_DEPTH:
            return _too_deep(path, at)
        if answer.tree is NEG and matches:
            return Ok(NEG), delegate(path, at.dentry, Dead(path, matches[0], NEG, written=True))
        if isinstance(answer.tree, Terminal):
            return Ok(answer.tree), Dead(path, at.dentry, answer.tree)
        result, node = yield self._tree(answer.tree, Path.EMPTY, below)
        return result, delegate(path, at.dentry, node)

    def _tree(self, tree: NameTree[Path | Bound], rest: Path, at: _At) -> Task[Outcome]:
        """Bind a tree, with `rest` to be appended to its paths."""
        self._steps_left -= 1
        if self._steps_left < 0:
            return self._out_of_steps(at.path, at)
        if at.nesting > MAX_NESTING:
            return _trouble(at.path, at, f"Max nesting level: {MAX_NESTING} reached in Namer lookup")
        match tree:
            case Leaf(Path() as target):
                outcome: Outcome = yield self.name(target + rest, at)
            case Leaf(Bound() as bound):
                if at.weight is not None:
                    bound = Bound(bound.id, bound.residual, bound.addr, at.weight)
                outcome = Ok(Leaf(bound)), Found(at.path, at.dentry, bound)
            case Alt(trees):
                inside = at._replace(nesting=at.nesting + 2)
                options = [(one, rest, inside) for one in trees]
                outcome = yield self._alternatives(options, at.path, at.dentry)
            case Union(branches):
                outcome = yield self._union(branches, rest, at)
            case _:
                assert isinstance(tree, Terminal)
                outcome = Ok(tree), Dead(at.path, at.dentry, tree, written=True)
        return outcome

    def _alternatives(
        self,
        options: Sequence[tuple[NameTree[Path | Bound], Path, _At]],
        path: Path,
        dentry: Dentry | None,
    ) -> Task[Outcome]:
        decided: Result | None = None
        nodes = []
        for option in options:
            result, node = yield self._tree(*option)
            nodes.append(node)
            if decided is None and not (isinstance(result, Ok) and result.tree is NEG):
                decided = result
            if decided is not None and not self._explore:
                break
        return Ok(NEG) if decided is None else decided, choose(path, dentry, nodes)

    def _union(self, branches: Sequence[Weighted[Path | Bound]], rest: Path, at: _At) -> Task[Outcome]:
        results: list[tuple[float, Result]] = []
        nodes = []
        for branch in branches:
            inside = at._replace(weight=branch.weight, nesting=at.nesting + 3)
            result, node = yield self._tree(branch.tree, rest, inside)
            results.append((branch.weight, result))
            nodes.append((branch.weight, node))
        return _united(results), split(at.path, at.dentry, nodes)

    def _out_of_steps(self, path: Path, at: _At) -> Outcome:
        return _trouble(path, at, "Max steps reached in Namer lookup")


def _united(results: Sequence[tuple[float, Result]]) -> Result:
    """The result of a union: the members that succeeded, else the first failure, else pending."""
    if not results:
        return Ok(NEG)
    succeeded = [Weighted(weight, result.tree) for weight, result in results if isinstance(result, Ok)]
    if succeeded:
        return Ok(unite(succeeded))
    return next((result for _, result in results if isinstance(result, Failed)), Pending())


def _trouble(path: Path, at: _At, message: str) -> Outcome:
    return Failed(message), Trouble(path, at.dentry, message)


def _too_deep(path: Path, at: _At) -> Outcome:
    return Failed(_TOO_DEEP), Trouble(path, at.dentry, "Max recursion level reached.")
