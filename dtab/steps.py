"""The steps of a binding, as a tree of nodes that mirrors the name trees on the way.

The binder makes nodes through `delegate`, `choose` and `split`, which leave out what a reader would not miss: a step
onto the same path, an alternative or union of one, an alternative that only spells out the matches of several
dentries. So a finished tree is simplified as Linkerd's delegator simplifies it.

A node's `dentry` is the rule that led to its path; None at the root, and where a namer led there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dtab.dtab import Dentry
from dtab.path import Path
from dtab.result import Bound
from dtab.tree import NEG, Terminal


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
    """The transformer `name` made what `node` shows out of `bound`; put in place of a `Found` by who transforms."""

    path: Path
    dentry: Dentry | None
    name: str
    bound: Bound
    node: "Node"


Node = Delegate | Choice | Split | Found | Dead | Trouble | Waiting | Transformed


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
    if node.path == path and not isinstance(node, Dead):
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
