"""Transformers that change address sets: everything but `io.l5d.replace` and `io.l5d.const`."""

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from dtab import Bound, NameTree, Path
from noderouter.core.addr import Addr, AddrBound, Address, AddrNeg
from noderouter.core.computed import Computed
from noderouter.core.var import Var
from noderouter.naming.transformer.kind import Transformer

Change = Callable[[frozenset[Address]], frozenset[Address]]


class AddressTransformer(Transformer):
    """Applies a pure function to every address set; where nothing is left, the address is negative."""

    def __init__(self, prefix: Path, change: Change, meta: tuple[tuple[str, str], ...] = ()) -> None:
        """`meta` is added to that of every address set."""
        self.prefix = prefix
        self._change = change
        self._meta = meta
        # The same source gives the same Var, so that who compares Vars sees no change where there is none.
        self._changed: WeakValueDictionary[Var[Any], Computed[Addr]] = WeakValueDictionary()

    def transform(self, tree: NameTree[Bound]) -> NameTree[Bound]:
        """Change the leaves one by one; what has no addresses (a fixed status) stays as it is."""
        return tree.map(self._transformed)

    def _transformed(self, bound: Bound) -> Bound:
        source = bound.addr
        if not isinstance(source, Var):
            return bound
        changed = self._changed.get(source)
        if changed is None:
            changed = self._changed[source] = self._follow(source)
        return Bound(self.prefix + bound.id, bound.residual, changed, bound.weight)

    def _follow(self, source: Var[Addr]) -> Computed[Addr]:
        return Computed(lambda reading: self._addr(reading.read(source)))

    def _addr(self, addr: Addr) -> Addr:
        if not isinstance(addr, AddrBound):
            return addr
        addresses = self._change(addr.addresses)
        return AddrBound(addresses, addr.meta + self._meta) if addresses else AddrNeg()
