"""The accepted connections of one port: at most so many, and which one goes for a newer one.

A newcomer always gets a place, so that a probe is never locked out: where all are taken, somebody loses his. The one
who has the most connections gives one up, first those on which nothing is asked, and of those the one that has waited
longest. An address that opens many therefore takes places from itself.
"""

from collections import Counter
from dataclasses import dataclass, field

import trio


@dataclass(slots=True, eq=False)
class Place:
    """One connection; cancelling `scope` ends it.

    `busy` is whether a request is in progress, `since` when it began, or when the wait for it did; `lost` whether
    the place was taken away.
    """

    address: str
    since: float
    busy: bool = False
    lost: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def __repr__(self) -> str:
        return f"<Place {self.address} {'busy' if self.busy else 'idle'} since={self.since:.3f}>"

    def begin(self, now: float, seconds: float) -> None:
        """Note that a request, or its response, begins: what follows has so many seconds."""
        self.busy = True
        self.since = now
        self.scope.deadline = now + seconds

    def wait(self, now: float, seconds: float) -> None:
        """Note that the next request is awaited: it has so many seconds to come, with its whole head."""
        self.busy = False
        self.since = now
        self.scope.deadline = now + seconds


class Places:
    """The places of one port.

    Attributes:
        displaced: connections that were closed for newer ones.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.displaced = 0
        self._taken: set[Place] = set()

    def __len__(self) -> int:
        return len(self._taken)

    def __repr__(self) -> str:
        return f"<Places {len(self._taken)} of {self.limit}>"

    def take(self, address: str) -> Place:
        """Return a place for a connection from `address`; the caller gives it back (`leave`)."""
        if len(self._taken) >= self.limit:
            victim = self._least_deserving()
            self._taken.discard(victim)
            self.displaced += 1
            victim.lost = True
            victim.scope.cancel()
        place = Place(address, trio.current_time())
        self._taken.add(place)
        return place

    def leave(self, place: Place) -> None:
        """Give a place back; it may have been taken away already."""
        self._taken.discard(place)

    def end_idle(self) -> None:
        """End the connections on which no request is in progress."""
        for place in self._taken:
            if not place.busy:
                place.scope.cancel()

    def _least_deserving(self) -> Place:
        many = Counter(place.address for place in self._taken)
        return min(self._taken, key=lambda place: (-many[place.address], place.busy, place.since))
