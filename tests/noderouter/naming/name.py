"""One name of a namer, held as a binding holds it."""

from dtab import NEG, Bound, Leaf, Ok, Path
from noderouter.core.addr import Addr, AddrBound
from noderouter.core.computed import Computed, Reading
from noderouter.naming.lookup import Lookup, Namer
from tests.testing.loop import until


class Name:
    """A lookup that stays current while inside, and the addresses that it leads to."""

    def __init__(self, namer: Namer, path: str) -> None:
        self._lookup: Computed[Lookup] = Computed(lambda reading: self._compute(namer, Path.parse(path), reading))

    def __enter__(self) -> "Name":
        self._lookup.hold()
        return self

    def __exit__(self, *exc: object) -> None:
        self._lookup.release()

    @staticmethod
    def _compute(namer: Namer, path: Path, reading: Reading) -> Lookup:
        answer = namer.lookup(path, reading)
        if isinstance(answer, Ok):
            for leaf in answer.tree.leaves():
                assert isinstance(leaf, Bound)
                reading.keep(leaf.addr)  # type: ignore[arg-type]  # of these namers, all addresses are Vars
        return answer

    @property
    def answer(self) -> Lookup:
        """What the dtab sees."""
        return self._lookup.value

    @property
    def version(self) -> int:
        """Moves when the dtab would see something else."""
        return self._lookup.version

    @property
    def bound(self) -> Bound:
        """What it is bound to."""
        assert isinstance(self.answer, Ok), self.answer
        assert isinstance(self.answer.tree, Leaf), self.answer
        assert isinstance(self.answer.tree.value, Bound)
        return self.answer.tree.value

    @property
    def addr(self) -> Addr:
        """Where that is."""
        addr: Addr = self.bound.addr.value  # type: ignore[attr-defined]  # a Var
        return addr

    def addresses(self) -> set[str] | None:
        """Every address as text; None while it is not bound."""
        if not isinstance(self.answer, Ok) or not isinstance(self.answer.tree, Leaf):
            return None
        addr = self.addr
        return {str(each) for each in addr.addresses} if isinstance(addr, AddrBound) else None

    async def is_bound(self, *addresses: str) -> None:
        """Wait until it is bound to exactly these."""
        try:
            await until(lambda: self.addresses() == set(addresses))
        except Exception:
            raise AssertionError(f"{self.answer} {self.addresses()}, not {addresses}") from None

    async def is_neg(self) -> None:
        """Wait until it is Neg."""
        await until(lambda: self.answer == Ok(NEG))
