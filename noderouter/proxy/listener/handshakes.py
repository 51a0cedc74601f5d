"""How many handshakes of TLS may go on at a time: in the process, and of one client address.

Each holds 44 KB, and costs half a millisecond: ten thousand that were begun and never ended would be half a gigabyte.
Who comes when all turns are taken waits in line, as long as his own time limit lets him. A handshake that has lasted
for longer than `GRACE_SECONDS` gives way to who waits, the oldest first: so nobody keeps others out by standing still.

Before that, who has not said his first record whole stands at the door. He costs next to nothing but his place among
the clients; so where half of those stand there, the oldest gives way to who comes, be he ever so young: the other half
is there for others.
"""

import sys
from collections import OrderedDict
from time import monotonic
from typing import Final

from noderouter.reactor.task import PARK, Task, current_task, running

MOST: Final = 1000
MOST_OF_ONE: Final = 100
GRACE_SECONDS: Final = 1.0
GIVES_WAY: Final = "its turn is needed"
"""The reason of a task that is cancelled in favour of another."""


class Turn:
    """One handshake: in line, or going on since `began` (0.0: not yet)."""

    __slots__ = ("began", "client", "task")

    def __init__(self, client: str, task: Task) -> None:
        self.client = client
        self.task = task
        self.began = 0.0


class Handshakes:
    """Gives turns.

    Attributes:
        running: those that go on, the oldest first.
        waiting: how many stand in line.
        evicted: how many had to give way.
        door: those whose first record is not here yet, the oldest first, and since when.
    """

    __slots__ = (
        "_at_door",
        "_held",
        "_line",
        "_lines",
        "_most",
        "_most_of_one",
        "door",
        "evicted",
        "running",
        "waiting",
    )

    def __init__(self, most: int = MOST, most_of_one: int = MOST_OF_ONE, at_door: int = sys.maxsize) -> None:
        """`at_door`: how many may stand there before the oldest gives way."""
        self.door: OrderedDict[Task, float] = OrderedDict()
        self._at_door = at_door
        self.running: OrderedDict[Turn, None] = OrderedDict()
        self.waiting = 0
        self.evicted = 0
        self._most = most
        self._most_of_one = most_of_one
        # Of each client those that go on and those in the common line; behind its bound a line of its own.
        self._held: dict[str, int] = {}
        self._line: OrderedDict[Turn, None] = OrderedDict()
        self._lines: dict[str, OrderedDict[Turn, None]] = {}

    def __repr__(self) -> str:
        return f"<Handshakes {len(self.running)}/{self._most} waiting={self.waiting}>"

    def knock(self, task: Task) -> float:
        """Stand at the door, until `come_in`; since now."""
        now = self.door[task] = monotonic()
        if len(self.door) > self._at_door:
            self._end(self.door.popitem(last=False)[0])
        return now

    def come_in(self, task: Task) -> None:
        """Leave the door, be it for a turn or for good."""
        self.door.pop(task, None)

    async def enter(self, client: str) -> Turn:
        """Wait for a turn, which ends with `leave`."""
        turn = Turn(client, current_task())
        if self._held.get(client, 0) >= self._most_of_one:
            self._lines.setdefault(client, OrderedDict())[turn] = None
        else:
            self._stand(turn)
        if turn.began:
            return turn
        self._evict()
        self.waiting += 1
        try:
            while not turn.began:
                await PARK
        except BaseException:
            self.leave(turn)
            raise
        finally:
            self.waiting -= 1
        return turn

    def leave(self, turn: Turn) -> None:
        """Give a turn to the next, or leave the line."""
        client = turn.client
        own = self._lines.get(client)
        if own is not None and turn in own:
            del own[turn]
            if not own:
                del self._lines[client]
            return
        self.running.pop(turn, None)
        self._line.pop(turn, None)
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        if own:
            following, _ = own.popitem(last=False)
            if not own:
                del self._lines[client]
            self._stand(following)
        self._serve()

    def _stand(self, turn: Turn) -> None:
        """Put a turn into the common line."""
        self._held[turn.client] = self._held.get(turn.client, 0) + 1
        self._line[turn] = None
        self._serve()

    def _serve(self) -> None:
        while self._line and len(self.running) < self._most:
            turn, _ = self._line.popitem(last=False)
            turn.began = monotonic()
            self.running[turn] = None
            if turn.task is not running.task:
                turn.task.reactor.schedule(turn.task)

    def _evict(self) -> None:
        """End the oldest handshake in favour of who has just come, if it is old enough, and turns are what lacks."""
        if len(self.running) < self._most:
            return
        oldest = next(iter(self.running))
        if monotonic() - oldest.began >= GRACE_SECONDS:
            self._end(oldest.task)

    def _end(self, task: Task) -> None:
        if not task.unwinding:
            self.evicted += 1
            task.cancel(GIVES_WAY)
