"""What a router that leaves its place says, and does not undo.

Covers `servers.py`.
"""

from typing import Any

import trio

from noderouter.servers import Servers


class Place:
    """A listener that shares its port, whose kernel does as it is told: a real one refuses a filter to nobody."""

    address = "127.0.0.1", 4140

    def __init__(self, found: bool | OSError) -> None:
        self.found = found
        self.shared = self.given = 0

    def hand_over(self) -> bool:
        self.given += 1
        if isinstance(self.found, OSError):
            raise self.found
        return self.found

    def share(self) -> None:
        self.shared += 1


def servers(*places: Place) -> tuple[Servers, list[str]]:
    """Servers that listen at `places`, and the events of their log."""
    events: list[str] = []
    unused: Any = None
    found = Servers(unused, unused, unused, lambda _level, event, **_fields: events.append(event))
    listeners: Any = places
    found._shared += listeners
    return found, events


async def test_what_could_not_be_handed_over_is_not_said_to_be(autojump_clock: trio.testing.MockClock) -> None:
    for found, said in (
        ((True,), ["server.handed_over"]),
        ((False,), []),
        ((OSError(22, "no"), True), ["server.not_handed_over"]),
    ):
        one, events = servers(*map(Place, found))
        began = trio.current_time()
        await one.hand_over()
        assert events == said
        assert (trio.current_time() - began > 0) is (found != (False,)), "handshakes may be under way"


async def test_who_leaves_takes_no_connections_back(autojump_clock: trio.testing.MockClock) -> None:
    """It has opened without all that it needs, and leaves connections to others until that is there."""
    place = Place(True)
    one, _ = servers(place)
    missing = ["a dtab"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.yield_while, lambda: missing)
        await trio.testing.wait_all_tasks_blocked()
        assert place.given == 1
        await one.hand_over()
        missing.clear()
    assert (place.given, place.shared) == (2, 0)
