"""What `bind` answers: the result, and the steps that led there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dtab.delegation_json import Json, ShowAddr, to_json
from dtab.path import Path
from dtab.result import Bound, Failed, Ok, Pending
from dtab.steps import Choice, Dead, Delegate, Found, Node, Split, Transformed, Waiting, below
from dtab.trampoline import Task, run
from dtab.tree import Alt, Leaf, NameTree, Terminal, Union

Result = Pending | Ok[NameTree[Bound]] | Failed

Transform = Callable[[NameTree[Bound]], NameTree[Bound]]
"""From bound trees to bound trees; what it makes of a tree is what it makes of each leaf."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A binding: its result, and the tree of its steps."""

    result: Result
    root: Node

    @property
    def pending(self) -> bool:
        """Whether some lookup had no answer yet, even if the result does not depend on it."""
        return any(isinstance(node, Waiting) for node in self.nodes())

    def nodes(self) -> Iterator[Node]:
        """Every node, a node before those below it."""
        todo = [self.root]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(below(node)))

    def way_to(self, bound_id: Path) -> list[Node]:
        """The nodes from the root to the first leaf with that id; nothing where there is none."""
        todo: list[tuple[Node, _Way | None]] = [(self.root, None)]
        while todo:
            node, above = todo.pop()
            here = _Way(node, above)
            if isinstance(node, Found) and node.bound.id == bound_id:
                return here.nodes()
            todo.extend((child, here) for child in reversed(below(node)))
        return []

    def json(self, show_addr: ShowAddr = str) -> Json:
        """The steps as Linkerd's `/delegator.json` shows them; `show_addr` makes JSON of a bound address."""
        return to_json(self.root, show_addr)

    def transformed(self, name: str, transform: Transform) -> "Delegation":
        """The delegation after the transformer `name` has changed what was bound."""
        result = self.result
        if isinstance(result, Ok):
            result = Ok(transform(result.tree))
        return Delegation(result, run(_transformed(self.root, name, transform)))


@dataclass(frozen=True, slots=True)
class _Way:
    """A node, and how it was reached."""

    node: Node
    above: "_Way | None"

    def nodes(self) -> list[Node]:
        """From the root to here."""
        found = []
        way: _Way | None = self
        while way is not None:
            found.append(way.node)
            way = way.above
        return found[::-1]


def _transformed(node: Node, name: str, transform: Transform) -> Task[Node]:
    match node:
        case Found(path, dentry, bound):
            return Transformed(path, dentry, name, bound, _node(path, transform(Leaf(bound))))
        case Delegate(path, dentry, child):
            changed = yield _transformed(child, name, transform)
            return Delegate(path, dentry, changed)
        case Transformed(path, dentry, earlier, bound, child):
            changed = yield _transformed(child, name, transform)
            return Transformed(path, dentry, earlier, bound, changed)
        case Choice(path, dentry, nodes):
            alternatives: list[Node] = []
            for child in nodes:
                changed = yield _transformed(child, name, transform)
                alternatives.append(changed)
            return Choice(path, dentry, tuple(alternatives))
        case Split(path, dentry, branches):
            shares: list[tuple[float, Node]] = []
            for weight, child in branches:
                changed = yield _transformed(child, name, transform)
                shares.append((weight, changed))
            return Split(path, dentry, tuple(shares))
        case _:
            return node


def _node(path: Path, tree: NameTree[Bound]) -> Node:
    """What a transformer made of a leaf; as flat as transformers' answers are."""
    match tree:
        case Leaf(bound):
            return Found(path, None, bound)
        case Alt(trees):
            return Choice(path, None, tuple(_node(path, one) for one in trees))
        case Union(branches):
            return Split(path, None, tuple((branch.weight, _node(path, branch.tree)) for branch in branches))
        case _:
            assert isinstance(tree, Terminal)
            return Dead(path, None, tree)
