"""What a name is bound to, ready to be read on the data path.

A `Binding` is a computed Var: reading it again costs one comparison until a dtab, a file or whatever it was computed
from has changed; then the next read binds anew. While a binding is held, everything it read is held, and so are
the addresses it leads to: their watches stay open. `binding_cache` decides how long that is.
"""

from collections.abc import Callable

from dtab import Bound, Dtab, Failed, NameTree, Ok, Path, Pending
from noderouter.core.computed import Computed, Reading
from noderouter.core.epoch import EPOCH
from noderouter.core.var import Var
from noderouter.reactor.event import Event

Result = Pending | Ok[NameTree[Bound]] | Failed
"""What a name is bound to."""

Bind = Callable[[Path, Dtab | None, Reading], Result]
"""`Interpreter.bind`: binds a name under a local dtab, reading through the `Reading`."""


class Binding(Computed[Result]):
    """The result of binding one name under one local dtab."""

    __slots__ = ("local", "path", "used")

    def __init__(self, path: Path, local: Dtab | None, bind: Bind) -> None:
        """Binds nothing yet."""
        self.path = path
        self.local = local
        self.used = 0.0

        def compute(reading: Reading) -> Result:
            result = bind(path, local, reading)
            if isinstance(result, Ok):
                for bound in result.tree.leaves():
                    if isinstance(bound.addr, Var):
                        reading.keep(bound.addr)
            return result

        super().__init__(compute)

    @property
    def result(self) -> Result:
        """The result now; bound again if anything it depends on has changed."""
        if EPOCH.count != self._epoch:
            self._refresh()
        return self._value

    async def settled(self) -> Result:
        """Wait, in the data plane, until the result is not pending; return it.

        Works for a binding that has left the cache, too. The caller bounds the wait.
        """
        self.hold()
        try:
            while isinstance(self.result, Pending):
                bell = Event()
                with self.ringing(bell):
                    await bell.wait()
            return self.result
        finally:
            self.release()
