"""Steps of long walks."""

import trio

from noderouter.telemetry.pace import Pace


def test_nothing_is_due_at_once() -> None:
    assert not Pace(60.0).due()


async def test_a_rest_lets_others_run_and_starts_a_new_step() -> None:
    ran = []

    async def other() -> None:
        ran.append("other")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        pace = Pace(0.0)
        assert pace.due()
        pace._step = 60.0
        await pace.rest()
        assert not pace.due()
    assert ran == ["other"]
