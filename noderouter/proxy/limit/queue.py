"""Those who wait for a place within a limit: so many, and each for so long; who came first is served first.

A place that comes free is handed to a waiter and is never up for grabs, so nobody is overtaken, and nobody who leaves
takes a place with him.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any

from noderouter.core.errors import LimitReached
from noderouter.reactor.event import Event
from noderouter.reactor.task import Timeout


class Turn:
    """A waiter, until when it waits, and the place that it was given."""

    __slots__ = ("deadline", "event", "place")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.event = Event()
        self.place: Any = None


class Queue:
    """The waiters of one limit.

    Attributes:
        waited: requests that had to wait, ever.
        refused: those that were not even allowed to.
        timed_out: those that waited for nothing.
    """

    __slots__ = ("_most", "_seconds", "_turns", "refused", "timed_out", "waited")

    def __init__(self, most: int, seconds: float) -> None:
        """At most `most` wait, each for so many seconds."""
        self._most = most
        self._seconds = seconds
        self._turns: OrderedDict[Turn, None] = OrderedDict()  # thousands may leave at once
        self.waited = self.refused = self.timed_out = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._turns)

    async def wait(self, words: str, back: Callable[[Any], None]) -> Any:
        """Wait for a place; `back` is given one that its waiter, who has left, does not take. `words` name the limit.

        Raises:
            LimitReached: too many wait already, or none came free in time.
        """
        return await self.placed(self.enter(words), words, back)

    def enter(self, words: str) -> Turn:
        """Stand behind all others; see `placed`.

        Raises:
            LimitReached: too many wait already.
        """
        if len(self._turns) >= self._most:
            self.refused += 1
            raise LimitReached(words if not self._most else f"{words}, and {self._most} wait already")
        turn = Turn(monotonic() + self._seconds)
        self._turns[turn] = None
        self.waited += 1
        return turn

    async def placed(self, turn: Turn, words: str, back: Callable[[Any], None]) -> Any:
        """The place of a turn, when it has one; see `wait`."""
        try:
            with Timeout(deadline=turn.deadline):
                await turn.event.wait()
        except BaseException:
            self._leave(turn, back)
            raise
        if turn.place is not None:  # perhaps within the moment in which the time was over
            return turn.place
        self._turns.pop(turn, None)
        self.timed_out += 1
        raise LimitReached(f"{words}, and no place came free within {self._seconds:g} s")

    def again(self, turn: Turn) -> None:
        """The place that a turn was given is none any more: it is before all others, as it was, and waits no longer."""
        turn.event = Event()
        turn.place = None
        self._turns[turn] = None
        self._turns.move_to_end(turn, last=False)

    def _leave(self, turn: Turn, back: Callable[[Any], None]) -> None:
        if turn.place is None:
            self._turns.pop(turn, None)
        else:
            back(turn.place)

    def give(self, place: Any) -> None:
        """Hand a place, which is not None, to who has waited for longest; somebody has to."""
        turn, _ = self._turns.popitem(last=False)
        turn.place = place
        turn.event.set()

    def oldest(self) -> float:
        """Since when the one has waited who is next; somebody has to."""
        return next(iter(self._turns)).deadline - self._seconds
