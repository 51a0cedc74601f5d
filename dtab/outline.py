"""A delegation as indented text, for terminals.

/svc/hello
  /host/hello  (/svc=>/host)
    /#/io.l5d.fs/hello  (/host=>/#/io.l5d.fs)  is /#/io.l5d.fs/hello
"""

from collections.abc import Iterator

from dtab.delegation import Delegation
from dtab.result import Failed, Ok
from dtab.steps import Choice, Dead, Delegate, Found, Node, Split, Transformed, Trouble, Waiting
from dtab.tree import EMPTY, FAIL, NEG, Terminal, show_weight

_DEAD = {NEG: "negative", FAIL: "fails", EMPTY: "empty"}
"""What the symbols `~ ! $` say."""


def outline(delegation: Delegation) -> Iterator[str]:
    """The steps, one a line, then an empty line and the result."""
    todo: list[tuple[int, str, Node]] = [(0, "", delegation.root)]
    while todo:
        depth, share, node = todo.pop()
        by = "" if node.dentry is None else f"  ({node.dentry.show()})"
        said = _said(node)
        yield f"{'  ' * depth}{share}{node.path.show()}{by}" + (f"  {said}" if said else "")
        todo.extend((depth + 1, share, child) for share, child in reversed(_below(node)))
    yield ""
    match delegation.result:
        case Ok(tree):
            yield _DEAD[tree] if isinstance(tree, Terminal) else f"bound to {tree.show()}"
        case Failed(message):
            yield f"failed: {message}"
        case _:
            yield "pending"


def _said(node: Node) -> str:
    match node:
        case Found(bound=bound):
            residual = f", residual {bound.residual.show()}" if len(bound.residual) else ""
            return f"is {bound.id.show()}{residual}"
        case Dead(tree=tree):
            return _DEAD[tree]
        case Trouble(message=message):
            return f"failed: {message}"
        case Waiting():
            return "pending"
        case Choice():
            return "the first of"
        case Split():
            return "all of"
        case Transformed(name=name):
            return f"transformed by {name}"
        case _:
            return ""


def _below(node: Node) -> list[tuple[str, Node]]:
    """The nodes right below, each with its share as it is written in a dtab."""
    match node:
        case Split(branches=branches):
            return [(show_weight(weight), child) for weight, child in branches]
        case Choice(nodes=nodes):
            return [("", child) for child in nodes]
        case Delegate(node=child) | Transformed(node=child):
            return [("", child)]
        case _:
            return []
