"""One list for the keeper: what is wanted, what it was told on this connection, what it has taken (pure).

Rules:
    1. The whole list is told, and told anew on each connection: the keeper forgets its lists with the connection.
    2. A list that is longer than the protocol allows, or that the keeper has refused, is not told. In its place comes
       the last good one, less what is not wanted any more: what has gone is not captured, whatever else is wrong.
    3. What has to go before it may come again (a pod whose network was made anew) is left out of one list first; what
       that is, `first` knows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from noderouter.interception.keeper.state import Address

T = TypeVar("T")

Encode = Callable[[int, Iterable[T], frozenset[Address]], bytes]
"""Makes the line of a generation, items and addresses."""
First = Callable[[tuple[T, ...], tuple[T, ...]], tuple[T, ...]]
"""From the items that were told and those that are to be, to those that have to be told first."""


def at_once(_told: tuple[T, ...], items: tuple[T, ...]) -> tuple[T, ...]:
    """Nothing has to go before it comes."""
    return items


@dataclass(frozen=True, slots=True)
class DesiredList(Generic[T]):
    """A whole list, and the addresses that go with it."""

    items: tuple[T, ...] = ()
    never: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the protocol allows."""

    items: int
    never: int = 0


class ListSync(Generic[T]):
    """What is to be told of one list. `refusals` counts lists that the keeper has refused."""

    def __init__(self, what: str, limits: Limits, encode: Encode[T], first: First[T] = at_once) -> None:
        """`what` is its name in the protocol."""
        self.what: Final = what
        self.wanted: DesiredList[T] | None = None
        """None until it is known."""
        self.good: DesiredList[T] | None = None
        """The last one that the keeper has taken, on whatever connection."""
        self.refusals = 0
        self._limits = limits
        self._encode = encode
        self._first = first
        self._refused: DesiredList[T] | None = None
        self._told: DesiredList[T] | None = None
        self._telling: DesiredList[T] | None = None
        self._next: DesiredList[T] | None = None

    def __repr__(self) -> str:
        wanted = "-" if self.wanted is None else len(self.wanted.items)
        good = "-" if self.good is None else len(self.good.items)
        return f"<ListSync {self.what} wanted={wanted} taken={good} due={self.due}>"

    def __len__(self) -> int:
        """How many the keeper has taken."""
        return 0 if self.good is None else len(self.good.items)

    @property
    def due(self) -> bool:
        """Whether there is something to tell."""
        return self._next is not None

    @property
    def complete(self) -> bool:
        """Whether the keeper knows exactly what is wanted."""
        return self.wanted is not None and self._told == self.wanted

    @property
    def excess(self) -> str:
        """Why what is wanted is not told, in words; empty where nothing is in the way."""
        if self.wanted is None or self._usable(self.wanted):
            return ""
        if self.wanted == self._refused:
            return f"the keeper has refused the list of {self.what}"
        if len(self.wanted.items) > self._limits.items:
            return f"{len(self.wanted.items)} {self.what} are more than the {self._limits.items} that can be captured"
        return f"{len(self.wanted.never)} addresses of the API server are more than {self._limits.never}"

    def want(self, wish: DesiredList[T]) -> bool:
        """Let that be the list from now on; answers whether it is another than before."""
        if wish == self.wanted:
            return False
        self.wanted = wish
        self._look()
        return True

    def begin(self, generation: int) -> bytes:
        """The line of what is due; `taken`, `refused` or `forget` is what becomes of it."""
        assert self._next is not None
        self._telling = self._next
        return self._encode(generation, self._telling.items, self._telling.never)

    def taken(self) -> None:
        """The keeper has taken it."""
        self._told = self.good = self._telling
        self._look()

    def refused(self) -> None:
        """The keeper has refused it, and ends the connection: it is not told again before it is another."""
        self._refused = self._telling
        self.refusals += 1

    def forget(self, *, refusals: bool) -> None:
        """The connection has ended; with `refusals`, whoever is the next keeper may think otherwise."""
        self._told = None
        if refusals:
            self._refused = None
        self._look()

    def _look(self) -> None:
        """Find out what is due."""
        wish = self.wanted
        if wish is not None and not self._usable(wish):
            wish = self._survivors(wish)
        if wish is not None and self._told is not None:
            wish = DesiredList(self._first(self._told.items, wish.items), wish.never)
        self._next = None if wish == self._told else wish

    def _survivors(self, wanted: DesiredList[T]) -> DesiredList[T] | None:
        """The last good list, as far as it still is wanted."""
        if self.good is None:
            return None
        still = set(wanted.items)
        never = wanted.never if len(wanted.never) <= self._limits.never else self.good.never
        return DesiredList(tuple(item for item in self.good.items if item in still), never)

    def _usable(self, wish: DesiredList[T]) -> bool:
        fits = len(wish.items) <= self._limits.items and len(wish.never) <= self._limits.never
        return fits and wish != self._refused
