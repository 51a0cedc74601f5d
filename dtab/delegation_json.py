"""A delegation as the JSON of Linkerd's `/delegator.json` (spec section 7.3).

One type more than Linkerd's: `pending`, a lookup without an answer yet (Linkerd would wait for it).

The nesting is bounded by the binder, so that `json.dumps` holds. What a node repeats of its dentry is bounded here:
a dentry may be as long as a request's header, and be on the way a thousand times.
"""

from collections.abc import Callable
from typing import Any, Final

from dtab.dtab import Dentry
from dtab.result import Bound
from dtab.steps import Choice, Dead, Delegate, Found, Node, Split, Transformed, Trouble, Waiting
from dtab.trampoline import Task, run
from dtab.tree import EMPTY, FAIL, NEG

Json = dict[str, Any]
ShowAddr = Callable[[Any], Any]

_MAX_SHOWN: Final = 2_000
"""Characters of a dentry's right side."""

_DEAD_TYPES: Final = {NEG: "neg", FAIL: "fail", EMPTY: "empty"}


def to_json(root: Node, show_addr: ShowAddr) -> Json:
    """The JSON of `root` and all below; `show_addr` makes JSON of the address of a bound name."""
    return run(_Writer(show_addr).node(root))


class _Writer:
    """Writes one delegation; remembers the dentries it has shown."""

    __slots__ = ("_dentries", "_show_addr")

    def __init__(self, show_addr: ShowAddr) -> None:
        self._show_addr = show_addr
        self._dentries: dict[int, Json] = {}

    def node(self, node: Node) -> Task[Json]:
        """Write `node`; a task, because nodes nest deeply."""
        shown: Json = {"type": "", "path": node.path.show()}
        if node.dentry is not None:
            shown["dentry"] = self._dentry(node.dentry)
        match node:
            case Delegate():
                shown["type"] = "delegate"
                shown["delegate"] = yield self.node(node.node)
            case Choice():
                shown["type"] = "alt"
                shown["alt"] = alternatives = []
                for child in node.nodes:
                    alternative = yield self.node(child)
                    alternatives.append(alternative)
            case Split():
                shown["type"] = "union"
                shown["union"] = branches = []
                for weight, child in node.branches:
                    tree = yield self.node(child)
                    branches.append({"weight": weight, "tree": tree})
            case Transformed():
                shown |= {"type": "transformation", "name": node.name, "bound": self._bound(node.bound)}
                shown["tree"] = yield self.node(node.node)
            case Found():
                shown |= {"type": "leaf", "bound": self._bound(node.bound)}
            case Dead():
                shown["type"] = _DEAD_TYPES[node.tree]
                if node.written and node.tree is not EMPTY:
                    shown["path"] = node.tree.show()
            case Trouble():
                shown |= {"type": "exception", "message": node.message}
            case Waiting():
                shown["type"] = "pending"
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
