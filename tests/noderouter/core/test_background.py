import pytest
import trio

from noderouter.core.background import Pace, until
from noderouter.core.var import Var


async def test_what_is_ready_is_not_waited_for():
    assert await until(Var(1), lambda value: value == 1) == 1


async def test_a_wait_that_is_cancelled_lets_go():
    var = Var(1)
    with pytest.raises(trio.TooSlowError), trio.fail_after(0.01):
        await until(var, lambda value: value == 2)
    assert (var.holders, var._bells) == (0, [])


def test_nothing_is_due_at_once():
    assert not Pace(60.0).due()


async def test_a_rest_lets_others_run_and_starts_a_new_step():
    ran = []

    async def other():
        ran.append("other")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        pace = Pace(0.0)
        assert pace.due()
        pace._step = 60.0
        await pace.rest()
        assert not pace.due()
    assert ran == ["other"]
