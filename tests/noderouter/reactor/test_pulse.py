"""The pulse shows how long the reactor's queue is, where the control plane's lag does not."""

import time

from noderouter.reactor.pulse import Pulse
from noderouter.reactor.task import reschedule
from tests.testing.loop import looping, until


async def test_an_idle_reactor_answers_at_once():
    async with looping() as loop:
        pulse = Pulse(loop.reactor)
        assert pulse.delay() == 0.0
        for number in range(3):
            pulse.beat()
            await until(lambda number=number: pulse.beats == number + 1)
        assert pulse.delay() < 0.5
        pulse.close()
        await until(lambda: not loop.reactor.tasks)


async def test_steps_before_it_count_and_so_does_waiting():
    async with looping() as loop:
        pulse = Pulse(loop.reactor)
        pulse.beat()
        await until(lambda: pulse.beats)
        stop = False

        async def hog():
            while not stop:
                time.sleep(0.05)
                await reschedule()

        pulse.beat()
        time.sleep(0.1)
        assert pulse.delay() >= 0.1, "it is on its way still"
        hogs = [loop.reactor.spawn(hog(), "hog") for _ in range(3)]
        await until(lambda: pulse.beats == 2)
        assert pulse.delay() >= 0.1
        stop = True
        await until(lambda: all(each.done for each in hogs))
        pulse.close()
        await until(lambda: not loop.reactor.tasks)


async def test_it_leaves_nothing_behind():
    async with looping() as loop:
        pulse = Pulse(loop.reactor)
        pulse.beat()
        pulse.close()
        pulse.close()
        await until(lambda: not loop.reactor.tasks)
