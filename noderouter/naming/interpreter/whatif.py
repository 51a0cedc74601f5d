"""What another dtab would do to the requests of the last minutes: which go elsewhere, and which would fail.

Names are bound as for traffic, by the same namers, once with what is in effect and once with a draft, and compared by
where they lead: bound names with their shares. What is looked up for that is held for as long as it takes, and then let
go, so that a question opens no watch for good. The busiest names come first; bounds say how many are looked at.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import trio

from dtab import EMPTY, FAIL, NEG, Bound, Dtab, Failed, Leaf, NameTree, Path, Pending, Union
from noderouter.core.addr import AddrBound, AddrPending
from noderouter.core.background import Pace, until
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.naming.interpreter.interpreter import Result

MAX_NAMES: Final = 2000
"""Names that are looked at."""
SECONDS: Final = 2.0
"""All of it, waiting included."""
SLICE_SECONDS: Final = 0.005
"""Work between two rests; binding one name is not interrupted (`dtab.limits`)."""
BATCH: Final = 100
"""Names that are looked at, and waited for, together."""
BATCH_SECONDS: Final = 0.5

_NOWHERE: Final[dict[NameTree[Any], str]] = {
    NEG: "nowhere: no such name",
    FAIL: "nowhere: it fails (!)",
    EMPTY: "nowhere: without endpoints ($)",
}

BindWith = Callable[[Path, Dtab, Reading], Result]
"""`Interpreter.bind_with`."""


class Asked(NamedTuple):
    """A name, and how many requests it gets in a second."""

    name: Path
    rate: float


class Place(NamedTuple):
    """Where a share of a name's requests goes: a bound name, or words; the shares add up to 1."""

    to: str
    share: float
    fails: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Where a name leads."""

    places: tuple[Place, ...]
    pending: bool = False
    """Whether that is not known yet, or not all of it."""

    @property
    def fails(self) -> float:
        """The share that leads nowhere, or to no endpoint."""
        return sum(place.share for place in self.places if place.fails)


@dataclass(frozen=True, slots=True)
class Change:
    """A name, before and after."""

    asked: Asked
    now: Where
    then: Where

    @property
    def moves(self) -> float:
        """The share of its requests that would go elsewhere."""
        stays = {place.to: place.share for place in self.now.places}
        return max(0.0, 1.0 - sum(min(place.share, stays.get(place.to, 0.0)) for place in self.then.places))

    @property
    def known(self) -> bool:
        """Whether both are known."""
        return not (self.now.pending or self.then.pending)


@dataclass(frozen=True, slots=True)
class Moved:
    """What an edit did to what was asked for in the ten minutes before it: names, and shares of requests (0 to 1)."""

    names: int
    moved: int
    share: float
    fails_before: float
    fails: float

    @property
    def worse(self) -> bool:
        """Whether more requests lead nowhere than before."""
        return self.fails > self.fails_before + 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it; names that were not known within the time are in `changes`, but in no sum."""

    looked_at: tuple[Change, ...]
    not_looked_at: int

    @property
    def changes(self) -> list[Change]:
        """Those that go elsewhere, or may: the ones with most requests first."""
        return [each for each in self.looked_at if not each.known or each.moves > 1e-9]

    @property
    def rate(self) -> float:
        """Requests per second of the names that are known."""
        return sum(each.asked.rate for each in self.looked_at if each.known)

    @property
    def moves(self) -> float:
        """The share of their requests that would go elsewhere."""
        return self._share(lambda each: each.moves)

    @property
    def fails_now(self) -> float:
        """The share of their requests that leads nowhere already."""
        return self._share(lambda each: each.now.fails)

    @property
    def fails_then(self) -> float:
        """The share of their requests that would lead nowhere."""
        return self._share(lambda each: each.then.fails)

    @property
    def moved(self) -> Moved:
        """Its sums."""
        return Moved(len(self.looked_at), len(self.changes), self.moves, self.fails_now, self.fails_then)

    def _share(self, of: Callable[[Change], float]) -> float:
        whole = self.rate
        known = (each for each in self.looked_at if each.known)
        return sum(each.asked.rate * of(each) for each in known) / whole if whole else 0.0


async def compare(bind: BindWith, now: Dtab, then: Dtab, asked: Iterable[Asked]) -> Comparison:
    """Compare where names lead with two dtabs (each with all of its parts).

    Takes up to `SECONDS`, in slices between which others have their turn.
    """
    names = sorted(asked, key=lambda each: (-each.rate, each.name.show()))
    deadline = trio.current_time() + SECONDS
    pace = Pace(SLICE_SECONDS)
    changes: list[Change] = []
    for start in range(0, min(len(names), MAX_NAMES), BATCH):
        if trio.current_time() >= deadline:
            break
        batch = names[start : min(start + BATCH, MAX_NAMES)]
        changes += await _batch(bind, now, then, batch, pace, deadline)
    return Comparison(tuple(changes), len(names) - len(changes))


async def _batch(
    bind: BindWith, now: Dtab, then: Dtab, batch: Sequence[Asked], pace: Pace, deadline: float
) -> list[Change]:
    """Return what becomes of a few names; fewer, where time is up."""
    held: list[Computed[Where]] = []
    try:
        for each in batch:
            for dtab in (now, then):
                computed = _computed(bind, each.name, dtab)
                computed.hold()
                held.append(computed)
            if pace.due():
                await pace.rest()
                if trio.current_time() >= deadline:
                    break
        with trio.move_on_at(min(deadline, trio.current_time() + BATCH_SECONDS)):
            for computed in held:
                if computed.value.pending:
                    await until(computed, _is_known)
        pairs = zip(batch, held[::2], held[1::2], strict=False)
        return [Change(each, before.value, after.value) for each, before, after in pairs]
    finally:
        for computed in held:
            computed.release()


def _is_known(where: Where) -> bool:
    return not where.pending


def _computed(bind: BindWith, name: Path, dtab: Dtab) -> Computed[Where]:
    return Computed(lambda reading: _where(bind(name, dtab, reading), reading))


def _where(result: Result, reading: Reading) -> Where:
    """Return where a result leads, with the addresses that it has now."""
    if isinstance(result, Failed):
        return Where((Place(f"nowhere: {result.message}", 1.0, True),))
    if isinstance(result, Pending):
        return Where((), pending=True)
    shares: dict[tuple[str, bool], float] = {}
    pending = False
    todo: list[tuple[NameTree[Bound], float]] = [(result.tree, 1.0)]
    while todo:
        node, share = todo.pop()
        if isinstance(node, Union) and node.branches:
            total = sum(branch.weight for branch in node.branches)
            for branch in node.branches:
                part = branch.weight / total if total > 0 else 1 / len(node.branches)
                todo.append((branch.tree, share * part))
            continue
        if isinstance(node, Leaf):
            to, fails, waits = _leaf(node.value, reading)
            pending = pending or waits
        else:
            to, fails = _NOWHERE.get(node, _NOWHERE[NEG]), True
        shares[to, fails] = shares.get((to, fails), 0.0) + share
    places = (Place(to, share, fails) for (to, fails), share in sorted(shares.items()) if share > 0)
    return Where(tuple(places), pending)


def _leaf(bound: Bound, reading: Reading) -> tuple[str, bool, bool]:
    """Return what a leaf is called, whether it has no endpoint, and whether that is not known yet."""
    name = bound.id.show()
    if not isinstance(bound.addr, Var):
        return name, False, False  # an answer of the router's own
    addr = reading.read(bound.addr)
    if isinstance(addr, AddrPending):
        return name, False, True
    alive = isinstance(addr, AddrBound) and bool(addr.addresses)
    return (name, False, False) if alive else (f"{name} (no endpoints)", True, False)
