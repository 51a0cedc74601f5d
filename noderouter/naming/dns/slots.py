"""Who may ask DNS now. A query occupies a thread, and where a server is dead it does so for long.

    lane      places   who
    FIRST     8        names asked for the first time: somebody waits for them
    SETTLED   5        names that had an answer last time
    FAILING   3        names that had none, and new ones of a zone that is slow
    slow      40       queries without an answer for `SLOW_SECONDS`, of any lane, whose places others get

So nobody who is slow keeps the quick ones waiting for longer than that. Whoever owns a zone can make all its names
slow: of one zone (`zone_of` a name), `PER_ZONE` queries at once wait for a first answer, or another try. Whoever owns
many zones asks from somewhere: for one client, `PER_CLIENT` names at once are asked for the first time, and its others
wait behind those.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from enum import Enum
from typing import Final

import trio

PER_ZONE: Final = 3
PER_CLIENT: Final = 4
"""Of the eight places of first questions: two clients whose names are all dead take them for `SLOW_SECONDS`, once."""
SLOW_SECONDS: Final = 2.0
SLOW_PLACES: Final = 40
SUSPECT_SECONDS: Final = 60.0
"""How long a zone is taken for slow after a query that was."""
MAX_ZONES: Final = 512
"""Of which something is remembered."""


class Lane(Enum):
    """The queue that a query waits in; the value is the number of places."""

    FIRST = ("first", 8)
    SETTLED = ("settled", 5)
    FAILING = ("failing", 3)


class _Share:
    """Places of one zone or client, and how many queries are in them or wait for them."""

    def __init__(self, places: int) -> None:
        self.places = trio.Semaphore(places)
        self.users = 0


class _Zone(_Share):
    """Names below one domain; `slow_until` is how long they are taken for slow."""

    def __init__(self) -> None:
        super().__init__(PER_ZONE)
        self.slow_until = 0.0


class Slots:
    """The places of one resolver; `waiting` and `in_flight` count queries."""

    def __init__(self) -> None:
        self._lanes = {lane: trio.Semaphore(lane.value[1]) for lane in Lane}
        self._slow = trio.Semaphore(SLOW_PLACES)
        self._zones: dict[str, _Zone] = {}
        self._clients: dict[str, _Share] = {}
        self.waiting = 0
        self.in_flight = 0

    @asynccontextmanager
    async def turn(
        self, name: str, *, settled: bool, failing: bool, client: str | None = None
    ) -> AsyncIterator["Turn"]:
        """Wait for a place, and keep it while inside: until the system's resolver has really ended.

        `client` is the client that needs the name; None where no request does.
        """
        first = not settled and not failing
        self.waiting += 1
        turn = None
        try:
            async with AsyncExitStack() as shares:
                if first and client is not None:
                    await shares.enter_async_context(self._share(client))
                zone = await shares.enter_async_context(self._zone(zone_of(name), limited=first or failing))
                slow = zone.slow_until > trio.current_time()
                lane = Lane.FAILING if failing or (slow and first) else Lane.FIRST if first else Lane.SETTLED
                place = self._lanes[lane]
                await place.acquire()
                turn = Turn(place, self._slow, zone)
                self.waiting -= 1
                self.in_flight += 1
                try:
                    yield turn
                finally:
                    turn.place.release()
        finally:
            if turn is None:
                self.waiting -= 1
            else:
                self.in_flight -= 1

    @asynccontextmanager
    async def _share(self, client: str) -> AsyncIterator[None]:
        """One of a client's places; forgotten with the last query of that client."""
        share = self._clients.setdefault(client, _Share(PER_CLIENT))
        share.users += 1
        try:
            async with share.places:
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._clients[client]

    @asynccontextmanager
    async def _zone(self, key: str, *, limited: bool) -> AsyncIterator[_Zone]:
        """A zone, and one of its places where `limited`."""
        zone = self._find(key)
        zone.users += 1
        try:
            async with zone.places if limited else nullcontext():
                yield zone
        finally:
            zone.users -= 1

    def answered(self, name: str) -> None:
        """Note that a name had an answer: its zone works."""
        zone = self._zones.get(zone_of(name))
        if zone is not None:
            zone.slow_until = 0.0

    def _find(self, key: str) -> _Zone:
        zone = self._zones.pop(key, None) or _Zone()
        if len(self._zones) >= MAX_ZONES:
            idle = next((known for known, each in self._zones.items() if not each.users), None)
            if idle is not None:
                del self._zones[idle]
        self._zones[key] = zone  # at the end: the least recently asked is forgotten first
        return zone


class Turn:
    """A place that is taken."""

    def __init__(self, place: trio.Semaphore, slow: trio.Semaphore, zone: _Zone) -> None:
        self.place = place
        self._slow = slow
        self._zone = zone

    def step_aside(self) -> None:
        """Give the place to others, since the query takes long, unless too many are slow already."""
        self._zone.slow_until = trio.current_time() + SUSPECT_SECONDS
        try:
            self._slow.acquire_nowait()
        except trio.WouldBlock:
            return
        self.place.release()
        self.place = self._slow


def zone_of(name: str) -> str:
    """Return the domain of one owner, roughly: the last two labels, or three below a shared suffix such as `co.uk`."""
    labels = name.lower().rstrip(".").split(".")
    shared = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if shared else -2 :])
