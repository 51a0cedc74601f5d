"""Who gets a place, and who loses one."""

import trio
from trio.testing import MockClock

from noderouter.admin.places import Place, Places


async def taken(places: Places, *addresses: str) -> list[Place]:
    """Places, one second after the other."""
    found = []
    for address in addresses:
        found.append(places.take(address))
        await trio.sleep(1)
    return found


def lost(places: list[Place]) -> list[int]:
    return [number for number, place in enumerate(places) if place.scope.cancel_called]


async def test_below_the_limit_nobody_goes(autojump_clock: MockClock) -> None:
    places = Places(3)
    found = await taken(places, "a", "a", "b")
    assert (len(places), places.displaced, lost(found)) == (3, 0, [])
    places.leave(found[0])
    places.leave(found[0])
    await taken(places, "c")
    assert (len(places), lost(found)) == (3, [])


async def test_a_newcomer_takes_the_place_of_the_one_that_has_waited_longest(autojump_clock: MockClock) -> None:
    places = Places(3)
    found = await taken(places, "a", "b", "c")
    found[0].wait(trio.current_time(), 15)
    found += await taken(places, "d")
    assert (len(places), places.displaced, lost(found)) == (3, 1, [1])
    assert found[1].lost


async def test_who_has_most_connections_gives_one_up(autojump_clock: MockClock) -> None:
    places = Places(4)
    found = await taken(places, "probe", "stranger", "stranger", "stranger", *["stranger"] * 100)
    assert (len(places), 0 in lost(found)) == (4, False)
    # Another stranger does not take it from the probe either.
    found += await taken(places, "other")
    assert 0 not in lost(found)


async def test_what_is_asked_is_answered_first(autojump_clock: MockClock) -> None:
    places = Places(3)
    found = await taken(places, "a", "b", "c")
    found[0].begin(trio.current_time(), 30)
    await trio.sleep(1)
    found[1].begin(trio.current_time(), 30)
    found += await taken(places, "d")
    assert lost(found) == [2]
    # Where all are busy, the request that has taken longest goes: nobody is locked out.
    found[3].begin(trio.current_time(), 30)
    found += await taken(places, "e")
    assert lost(found) == [0, 2]


async def test_the_clock_of_a_place(autojump_clock: MockClock) -> None:
    place = Places(1).take("a")
    with place.scope:
        place.wait(trio.current_time(), 15)
        place.begin(trio.current_time(), 30)
        await trio.sleep(29)
        place.wait(trio.current_time(), 15)
        await trio.sleep(16)
    assert place.scope.cancelled_caught
    assert not place.lost


async def test_the_idle_end(autojump_clock: MockClock) -> None:
    places = Places(3)
    found = await taken(places, "a", "b")
    found[1].begin(trio.current_time(), 30)
    places.end_idle()
    assert lost(found) == [0]
    assert not found[0].lost
