import sys
from threading import Event, get_ident

import pytest
import trio

from noderouter.core.background import TURN, Pace, aside, until
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


async def test_what_is_done_aside_gives_way_and_is_done_one_at_a_time():
    usual, done, running = sys.getswitchinterval(), [], []
    go_on = Event()

    def work():
        running.append(get_ident())
        go_on.wait(60)
        assert len(running) == len(done) + 1
        done.append(sys.getswitchinterval())
        return len(done)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(aside, work)
        while not running:
            await trio.sleep(0.001)  # which it lets us
        assert get_ident() not in running
        go_on.set()
    assert done == pytest.approx([TURN, TURN])
    assert sys.getswitchinterval() == usual


async def test_what_fails_aside_fails_here():
    def work():
        raise ValueError("it")

    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="it"):
        await aside(work)
    assert sys.getswitchinterval() == usual
