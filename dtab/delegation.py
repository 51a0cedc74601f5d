"""What a binding did: each step with the dentry that led to it, and what came out.

The steps form a tree of nodes that mirrors the name trees on the way. Nodes are made through `delegate`,
`choose` and `split`, which leave out what a reader would not miss: a step onto the same path, an alternative or
union of one, an alternative that only spells out the matches of several dentries.

The JSON is that of Linkerd's `/delegator.json`. Its nesting is bounded by the binder, so that `json.dumps` holds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dtab.dtab import Dentry
from dtab.path import Path
from dtab.result import Bound, Failed, Ok, Pending
from dtab.trampoline import Task, run
from dtab.tree import EMPTY, FAIL, NEG, NameTree, Terminal

Json = dict[str, Any]
ShowAddr = Callable[[Any], Any]
Result = Pending | Ok[NameTree[Bound]] | Failed


@dataclass(frozen=True, slots=True)
class Delegate:
    """`path` stands for what `node` shows."""

    path: Path
    dentry: Dentry | None
    node: "Node"


@dataclass(frozen=True, slots=True)
class Choice:
    """The first node that is not negative counts."""

    path: Path
    dentry: Dentry | None
    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Requests are shared out by weight."""

    path: Path
    dentry: Dentry | None
    branches: tuple[tuple[float, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A namer knew the name."""

    path: Path
    dentry: Dentry | None
    bound: Bound


@dataclass(frozen=True, slots=True)
class Dead:
    """NEG, FAIL or EMPTY; `written` where a dentry says so in as many words, else a namer or nobody did."""

    path: Path
    dentry: Dentry | None
    tree: Terminal
    written: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """A lookup failed, or a limit was reached."""

    path: Path
    dentry: Dentry | None
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lookup has no answer yet."""

    path: Path
    dentry: Dentry | None


@dataclass(frozen=True, slots=True)
class Transformed:
    """A transformer made what `node` shows out of `bound`."""

    path: Path
    name: str
    bound: Bound
    node: "Node"
    dentry: None = None


Node = Delegate | Choice | Split | Found | Dead | Trouble | Waiting | Transformed


@dataclass(frozen=True, slots=True)
class Delegation:
    """A binding: its result, and the steps that led there."""

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

    def json(self, show_addr: ShowAddr = str) -> Json:
        """The delegation as Linkerd's `/delegator.json` shows it; `show_addr` makes JSON of a bound address."""
        return run(_json(self.root, show_addr))

    def way_to(self, bound_id: Path) -> list[Node]:
        """The nodes from the root to the first leaf with that id, or nothing."""
        todo: list[tuple[Node, tuple[Any, ...]]] = [(self.root, ())]
        while todo:
            node, above = todo.pop()
            above = (node, above)
            if isinstance(node, Found) and node.bound.id == bound_id:
                return _unwound(above)
            todo.extend((child, above) for child in reversed(below(node)))
        return []


def below(node: Node) -> Sequence[Node]:
    """The nodes right below."""
    match node:
        case Choice(nodes=nodes):
            return nodes
        case Split(branches=branches):
            return [child for _, child in branches]
        case Delegate(node=child) | Transformed(node=child):
            return (child,)
        case _:
            return ()


def delegate(path: Path, dentry: Dentry | None, node: Node) -> Node:
    """A step from `path` to `node`; none if that is where `node` is already."""
    if node.path == path and not isinstance(node, Dead | Transformed):
        return replace(node, dentry=dentry)
    return Delegate(path, dentry, node)


def choose(path: Path, dentry: Dentry | None, nodes: Sequence[Node]) -> Node:
    """Alternatives; those right below that are still at the same path count as ours."""
    if len(nodes) == 1:
        return delegate(path, dentry, nodes[0])
    flat: list[Node] = []
    for node in nodes:
        if isinstance(node, Choice | Delegate) and node.path == path:
            flat += below(node)
        else:
            flat.append(node)
    return Choice(path, dentry, tuple(flat)) if flat else Dead(path, dentry, NEG)


def split(path: Path, dentry: Dentry | None, branches: Sequence[tuple[float, Node]]) -> Node:
    """A union."""
    if len(branches) == 1:
        return delegate(path, dentry, branches[0][1])
    return Split(path, dentry, tuple(branches)) if branches else Dead(path, dentry, NEG)


def _unwound(chain: tuple[Any, ...]) -> list[Node]:
    nodes = []
    while chain:
        node, chain = chain
        nodes.append(node)
    return nodes[::-1]


_DEAD_TYPES = {NEG: "neg", FAIL: "fail", EMPTY: "empty"}


def _json(node: Node, show_addr: ShowAddr) -> Task[Json]:
    shown: Json = {"type": "", "path": node.path.show()}
    if node.dentry is not None:
        shown["dentry"] = {"prefix": node.dentry.prefix.show(), "dst": node.dentry.dst.show()}
    match node:
        case Delegate():
            shown["type"] = "delegate"
            shown["delegate"] = yield _json(node.node, show_addr)
        case Choice():
            shown["type"] = "alt"
            shown["alt"] = alternatives = []
            for child in node.nodes:
                alternative = yield _json(child, show_addr)
                alternatives.append(alternative)
        case Split():
            shown["type"] = "union"
            shown["union"] = branches = []
            for weight, child in node.branches:
                tree = yield _json(child, show_addr)
                branches.append({"weight": weight, "tree": tree})
        case Found():
            shown["type"] = "leaf"
            shown["bound"] = _bound_json(node.bound, show_addr)
        case Dead():
            shown["type"] = _DEAD_TYPES[node.tree]
            if node.written and node.tree is not EMPTY:
                shown["path"] = node.tree.symbol
        case Trouble():
            shown["type"] = "exception"
            shown["message"] = node.message
        case Waiting():
            shown["type"] = "pending"
        case Transformed():
            shown["type"] = "transformation"
            shown["name"] = node.name
            shown["bound"] = _bound_json(node.bound, show_addr)
            shown["tree"] = yield _json(node.node, show_addr)
    return shown


def _bound_json(bound: Bound, show_addr: ShowAddr) -> Json:
    return {"addr": show_addr(bound.addr), "id": bound.id.show(), "path": bound.residual.show()}
