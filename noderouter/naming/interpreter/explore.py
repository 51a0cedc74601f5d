"""The dtab playground: a binding that follows every alternative, waits a little, and shows its steps.

The same `dtab.bind` as for traffic, so that what is shown is what happens. The addresses in the answer are values of
one moment, not Vars: nothing has to stay watched while somebody reads.
"""

from collections.abc import Callable
from typing import Any, Final

import trio

from dtab import Bound, Delegation, Dtab, Failed, Leaf, NameTree, Ok, Path, Pending, bind
from dtab.steps import Choice, Dead, Delegate, Found, Node, Split, Transformed, Trouble, Waiting
from dtab.trampoline import Task, run
from dtab.tree import Terminal
from dtab.utility import Status
from noderouter.core.addr import AddrBound, AddrPending
from noderouter.core.background import until
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.naming.lookup import Lookup
from noderouter.naming.transformer.kind import Transformer, transformed

PATIENCE_SECONDS: Final = 2.0

Joined = Callable[[Reading], Dtab | Pending | Failed]
Ask = Callable[[Path, Reading], Lookup]


async def explore(path: Path, joined: Joined, ask: Ask, transformers: tuple[Transformer, ...]) -> Delegation:
    """Bind `path` and show every step; what is still pending after `PATIENCE_SECONDS` is shown so."""

    def compute(reading: Reading) -> Delegation:
        dtab = joined(reading)
        if not isinstance(dtab, Dtab):
            node = Trouble(path, None, dtab.message) if isinstance(dtab, Failed) else Waiting(path, None)
            return Delegation(dtab, node)
        seen = bind(dtab, path, lambda name: ask(name, reading), explore=True)
        return _Shown(reading, transformers).delegation(seen)

    explored = Computed(compute)
    explored.hold()
    try:
        with trio.move_on_after(PATIENCE_SECONDS):
            await until(explored, _is_settled)
        return explored.value
    finally:
        explored.release()


def _is_settled(delegation: Delegation) -> bool:
    if delegation.pending:
        return False
    return not any(isinstance(node, Found) and node.bound.addr == AddrPending() for node in delegation.nodes())


class _Shown:
    """Makes values of addresses, and steps of transformations."""

    def __init__(self, reading: Reading, transformers: tuple[Transformer, ...]) -> None:
        self._reading = reading
        self._transformers = transformers

    def delegation(self, seen: Delegation) -> Delegation:
        result = seen.result
        if isinstance(result, Ok):
            result = Ok(transformed(result.tree, self._transformers).map(self._value))
        return Delegation(result, run(self._node(seen.root)))

    def _value(self, bound: Bound) -> Bound:
        """The leaf with the address it has now."""
        addr: Any = bound.addr
        if isinstance(addr, Var):
            addr = self._reading.read(addr)
        elif isinstance(addr, Status):
            addr = AddrBound(frozenset(), (("status", str(addr.code)),))
        return Bound(bound.id, bound.residual, addr, bound.weight)

    def _node(self, node: Node) -> Task[Node]:
        """The node with every leaf shown."""
        match node:
            case Found(path, dentry, bound):
                return self._found(path, dentry, bound)
            case Delegate(path, dentry, child):
                shown = yield self._node(child)
                return Delegate(path, dentry, shown)
            case Choice(path, dentry, nodes):
                alternatives = []
                for one in nodes:
                    shown = yield self._node(one)
                    alternatives.append(shown)
                return Choice(path, dentry, tuple(alternatives))
            case Split(path, dentry, branches):
                shares = []
                for weight, one in branches:
                    shown = yield self._node(one)
                    shares.append((weight, shown))
                return Split(path, dentry, tuple(shares))
        return node

    def _found(self, path: Path, dentry: Any, bound: Bound) -> Node:
        """A leaf; with transformers, a step that shows the leaf before and after."""
        if not self._transformers:
            return Found(path, dentry, self._value(bound))
        tree = transformed(Leaf(bound), self._transformers)
        name = " ".join(transformer.prefix.show() for transformer in self._transformers)
        return Transformed(path, dentry, name, self._value(bound), self._tree(path, tree))

    def _tree(self, path: Path, tree: NameTree[Bound]) -> Node:
        """What transformers made of one leaf: another leaf, or nothing."""
        if isinstance(tree, Leaf):
            return Found(path, None, self._value(tree.value))
        assert isinstance(tree, Terminal), tree
        return Dead(path, None, tree)
