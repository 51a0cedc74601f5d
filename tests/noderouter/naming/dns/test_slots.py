"""Places for queries: whoever is slow keeps nobody else waiting."""

import trio
import trio.testing

from noderouter.naming.dns.slots import PER_CLIENT, PER_ZONE, SLOW_PLACES, Lane, Slots


async def hold(slots, name, held, **options):
    async with slots.turn(name, settled=False, failing=False, **options) as turn:
        held.append((name, turn))
        await trio.sleep_forever()


async def test_one_zone_never_takes_all_first_places(nursery):
    slots, held = Slots(), []
    for number in range(20):
        nursery.start_soon(hold, slots, f"x{number}.slow.test", held)
    await trio.testing.wait_all_tasks_blocked()
    assert len(held) == PER_ZONE
    nursery.start_soon(hold, slots, "quick.other.test", held)
    await trio.testing.wait_all_tasks_blocked()
    assert held[-1][0] == "quick.other.test"
    nursery.cancel_scope.cancel()


async def test_one_client_never_takes_all_first_places(nursery):
    slots, held = Slots(), []

    async def ask(name, client):
        await hold(slots, name, held, client=client)

    for number in range(20):
        nursery.start_soon(ask, f"a.zone{number}.test", "greedy")
    await trio.testing.wait_all_tasks_blocked()
    assert len(held) == PER_CLIENT
    nursery.start_soon(ask, "a.other.test", "modest")
    await trio.testing.wait_all_tasks_blocked()
    assert held[-1][0] == "a.other.test"
    nursery.cancel_scope.cancel()


async def test_slow_ones_step_aside_while_there_is_room(nursery):
    slots, held = Slots(), []
    for number in range(Lane.FIRST.value[1]):
        nursery.start_soon(hold, slots, f"a.zone{number}.test", held)
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(hold, slots, "a.late.test", held)
    await trio.testing.wait_all_tasks_blocked()
    assert (slots.in_flight, slots.waiting) == (Lane.FIRST.value[1], 1)
    held[0][1].step_aside()
    await trio.testing.wait_all_tasks_blocked()
    assert (slots.in_flight, slots.waiting) == (Lane.FIRST.value[1] + 1, 0)
    assert Lane.FIRST.value[1] < SLOW_PLACES
    nursery.cancel_scope.cancel()
    await trio.testing.wait_all_tasks_blocked()


async def test_nothing_is_left_of_queries_that_were_cancelled():
    slots, held = Slots(), []
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(hold, slots, f"x{number}.slow.test", held)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (slots.in_flight, slots.waiting) == (0, 0)
    async with slots.turn("again.slow.test", settled=False, failing=False):
        assert slots.in_flight == 1
