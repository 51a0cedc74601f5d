"""A delegation as the JSON of Linkerd's `/delegator.json` (docs/linkerd1.md section 7.3).

One type more than Linkerd's: `pending`, a lookup without an answer yet (Linkerd would wait for it).

Two things are bounded, because a dtab may be a stranger's: how deep nodes nest (`json.dumps` recurses, and is not
alone in that), and what a node repeats of its dentry (which may be long, and on the way a thousand times).
"""

from collections.abc import Callable
from typing import Any, Final, assert_never

from dtab.dtab import Dentry
from dtab.result import Bound
from dtab.steps import Choice, Dead, Delegate, Found, Node, Split, Transformed, Trouble, Waiting
from dtab.trampoline import Task, run
from dtab.tree import EMPTY, FAIL, NEG

Json = dict[str, Any]
ShowAddr = Callable[[Any], Any]

_MAX_SHOWN: Final = 2_000
"""Characters of a dentry's right side."""

_MAX_NESTING: Final = 600
"""Arrays and objects around a node; every depth the binder allows fits, with an alternative and a union in each."""

_DEAD_TYPES: Final = {NEG: "neg", FAIL: "fail", EMPTY: "empty"}


def to_json(root: Node, show_addr: ShowAddr) -> Json:
    """The JSON of `root` and all below; `show_addr` makes JSON of the address of a bound name."""
    return run(_Writer(show_addr).node(root, 0))


class _Writer:
    """Writes one delegation; remembers the dentries it has shown."""

    __slots__ = ("_dentries", "_show_addr")

    def __init__(self, show_addr: ShowAddr) -> None:
        self._show_addr = show_addr
        self._dentries: dict[int, Json] = {}

    def node(self, node: Node, nesting: int) -> Task[Json]:
        """Write `node`; a task, because nodes nest deeply."""
        shown: Json = {"type": "", "path": node.path.show()}
        if node.dentry is not None:
            shown["dentry"] = self._dentry(node.dentry)
        match node:
            case _ if nesting > _MAX_NESTING:
                shown |= {"type": "exception", "message": "Nested too deeply to be shown."}
            case Delegate():
                shown["type"] = "delegate"
                shown["delegate"] = yield self.node(node.node, nesting + 1)
            case Choice():
                shown["type"] = "alt"
                shown["alt"] = alternatives = []
                for child in node.nodes:
                    alternative = yield self.node(child, nesting + 2)
                    alternatives.append(alternative)
            case Split():
                shown["type"] = "union"
                shown["union"] = branches = []
                for weight, child in node.branches:
                    tree = yield self.node(child, nesting + 3)
                    branches.append({"weight": weight, "tree": tree})
            case Transformed():
                shown |= {"type": "transformation", "name": node.name, "bound": self._bound(node.bound)}
                shown["tree"] = yield self.node(node.node, nesting + 1)
            case Found():
                shown |= {"type": "leaf", "bound": self._bound(node.bound)}
            case Dead():
                in_words = node.written and node.tree is not EMPTY
                path = node.tree.show() if in_words else shown["path"]
                shown |= {"type": _DEAD_TYPES[node.tree], "path": path}
            case Trouble():
                shown |= {"type": "exception", "message": node.message}
            case Waiting():
                shown |= {"type": "pending"}
            case _:
                assert_never(node)
        return shown

    def _dentry(self, dentry: Dentry) -> Json:
        shown = self._dentries.get(id(dentry))
        if shown is None:
            dst = dentry.dst.show()
            if len(dst) > _MAX_SHOWN:
                dst = dst[:_MAX_SHOWN] + "…"
            shown = self._dentries[id(dentry)] = {"prefix": dentry.prefix.show(), "dst": dst}
        return shown

    def _bound(self, bound: Bound) -> Json:
        return {
            "addr": self._show_addr(bound.addr),
            "id": bound.id.show(),
            "path": bound.residual.show(),
        }
