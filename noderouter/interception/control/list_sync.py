"""One list for the keeper: what is desired, what was sent on this connection, what the keeper has taken (pure).

Rules:
    1. The whole list is sent, and sent anew on each connection: the keeper forgets its lists with the connection.
    2. A list that is longer than the protocol allows, or that the keeper has refused, is not sent. In its place comes
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
"""From the items that were sent and those to be sent, to those that have to be sent first."""


def at_once(_sent: tuple[T, ...], items: tuple[T, ...]) -> tuple[T, ...]:
    """Return `items`: nothing has to go before it comes again."""
    return items


@dataclass(frozen=True, slots=True)
class DesiredList(Generic[T]):
    """A whole list, and the addresses that are never captured."""

    items: tuple[T, ...] = ()
    never: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the protocol."""

    items: int
    never: int = 0


class ListSync(Generic[T]):
    """One list: what is desired, and what the keeper has. `refusals` counts lists that the keeper has refused."""

    def __init__(self, what: str, limits: Limits, encode: Encode[T], first: First[T] = at_once) -> None:
        """`what` is its name in the protocol."""
        self.what: Final = what
        self.wanted: DesiredList[T] | None = None
        """None until it is known."""
        self.good: DesiredList[T] | None = None
        """The last list that the keeper has taken, on whatever connection."""
        self.refusals = 0
        self._limits = limits
        self._encode = encode
        self._first = first
        self._refused: DesiredList[T] | None = None
        self._sent: DesiredList[T] | None = None
        self._sending: DesiredList[T] | None = None
        self._next: DesiredList[T] | None = None

    def __repr__(self) -> str:
        wanted = "-" if self.wanted is None else len(self.wanted.items)
        good = "-" if self.good is None else len(self.good.items)
        return f"<ListSync {self.what} wanted={wanted} taken={good} due={self.due}>"

    def __len__(self) -> int:
        """The number of items that the keeper has taken."""
        return 0 if self.good is None else len(self.good.items)

    @property
    def due(self) -> bool:
        """Whether a list has to be sent."""
        return self._next is not None

    @property
    def complete(self) -> bool:
        """Whether the keeper has exactly the desired list."""
        return self.wanted is not None and self._sent == self.wanted

    @property
    def excess(self) -> str:
        """Why the desired list is not sent, in words; empty where nothing is in the way."""
        if self.wanted is None or self._usable(self.wanted):
            return ""
        if self.wanted == self._refused:
            return f"the keeper has refused the list of {self.what}"
        if len(self.wanted.items) > self._limits.items:
            return f"{len(self.wanted.items)} {self.what} are more than the {self._limits.items} that can be captured"
        return f"{len(self.wanted.never)} addresses of the API server are more than {self._limits.never}"

    def want(self, wish: DesiredList[T]) -> bool:
        """Set the desired list; return whether it differs from the one before."""
        if wish == self.wanted:
            return False
        self.wanted = wish
        self._look()
        return True

    def begin(self, generation: int) -> bytes:
        """Return the line to send; `taken`, `refused` or `forget` reports its fate."""
        assert self._next is not None
        self._sending = self._next
        return self._encode(generation, self._sending.items, self._sending.never)

    def taken(self) -> None:
        """Note that the keeper has taken the list."""
        self._sent = self.good = self._sending
        self._look()

    def refused(self) -> None:
        """Note that the keeper has refused the list and ends the connection; the same list is not sent again."""
        self._refused = self._sending
        self.refusals += 1

    def forget(self, *, refusals: bool) -> None:
        """Note that the connection has ended; with `refusals`, the next keeper may accept what was refused."""
        self._sent = None
        if refusals:
            self._refused = None
        self._look()

    def _look(self) -> None:
        """Find out what has to be sent."""
        wish = self.wanted
        if wish is not None and not self._usable(wish):
            wish = self._survivors(wish)
        if wish is not None and self._sent is not None:
            wish = DesiredList(self._first(self._sent.items, wish.items), wish.never)
        self._next = None if wish == self._sent else wish

    def _survivors(self, wanted: DesiredList[T]) -> DesiredList[T] | None:
        """Return the last good list, less what is no longer desired."""
        if self.good is None:
            return None
        still = set(wanted.items)
        never = wanted.never if len(wanted.never) <= self._limits.never else self.good.never
        return DesiredList(tuple(item for item in self.good.items if item in still), never)

    def _usable(self, wish: DesiredList[T]) -> bool:
        fits = len(wish.items) <= self._limits.items and len(wish.never) <= self._limits.never
        return fits and wish != self._refused
