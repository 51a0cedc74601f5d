"""Tasks that go from one coroutine to the next."""

import pytest
import trio.testing

from noderouter.reactor.crew import MOST_WAITING
from noderouter.reactor.errors import Cancelled
from noderouter.reactor.task import PARK, Timeout, current_task, reschedule, sleep
from tests.testing.loop import looping, until


async def test_a_task_goes_on_with_the_next_coroutine():
    async with looping() as loop:
        reactor = loop.reactor
        seen: list[object] = []

        async def work() -> None:
            seen.append(current_task())
            await reschedule()
            seen.append(current_task().name)

        first = reactor.crew.spawn(work(), "first")
        assert first in reactor.tasks
        await until(lambda: len(seen) == 2 and first not in reactor.tasks)
        second = reactor.crew.spawn(work(), "second")
        await until(lambda: len(seen) == 4)
        assert second is first
        assert seen == [first, "first", first, "second"]


async def test_what_was_meant_for_one_coroutine_does_not_arrive_in_the_next():
    async with looping() as loop:
        reactor = loop.reactor
        log: list[str] = []

        async def cancels_itself() -> None:
            current_task().cancel("too late")

        async def rests() -> None:
            try:
                await sleep(0.1)
            except Cancelled:
                log.append("cancelled")
                raise
            log.append("slept")

        task = reactor.crew.spawn(cancels_itself(), "one")
        await until(lambda: task not in reactor.tasks)
        assert reactor.crew.spawn(rests(), "other") is task
        await until(lambda: bool(log))
        assert log == ["slept"]


async def test_who_still_has_a_task_that_waits_does_nothing_to_the_next_coroutine():
    async with looping() as loop:
        reactor = loop.reactor
        begun: list[bool] = []

        async def begin() -> None:
            begun.append(True)

        task = reactor.crew.spawn(reschedule(), "one")
        await until(lambda: not reactor.tasks)
        assert task.done
        reactor.schedule(task)
        await trio.testing.wait_all_tasks_blocked()
        task.interrupt(ValueError("late"), lambda: True)
        task.cancel("late")
        assert reactor.crew.spawn(begin(), "other") is task
        assert task.thrown is None
        assert not task.done
        assert task.since == 0.0, "what has not begun waits for nobody (`lifetime.end_overdue`)"
        await until(lambda: not reactor.tasks)
        assert begun


async def test_deadlines_of_the_next_coroutine_hold():
    """Also where the wheel still had the task, at a tick that came while it waited for work."""
    async with looping() as loop:
        reactor = loop.reactor

        async def hurries() -> None:
            with Timeout(0.06):
                await reschedule()

        task = reactor.crew.spawn(hurries(), "hurries")
        await until(lambda: not reactor.tasks)
        assert task.armed
        await until(lambda: not reactor.timers)
        assert reactor.crew.spawn(sleep(0.1), "sleeps") is task
        await until(lambda: not reactor.tasks)


@pytest.mark.parametrize("crash", [False, True])
async def test_who_ends_by_an_exception_is_used_no_more(crash):
    async with looping(expect_crashes=crash) as loop:
        reactor = loop.reactor

        async def fails() -> None:
            if crash:
                raise ValueError("boom")
            while True:
                await PARK

        task = reactor.crew.spawn(fails(), "fails")
        await trio.testing.wait_all_tasks_blocked()
        task.cancel("enough")
        await until(lambda: task.done)
        assert task not in reactor.tasks
        assert task not in reactor.crew.waiting
        assert reactor.crashes == crash


async def test_no_more_wait_than_are_needed():
    async with looping() as loop:
        reactor = loop.reactor
        tasks = [reactor.crew.spawn(reschedule(), number) for number in range(MOST_WAITING + 10)]
        await until(lambda: not reactor.tasks)
        assert len(reactor.crew.waiting) == MOST_WAITING
        assert sum(task not in reactor.crew.waiting for task in tasks) == 10


async def test_closing_the_reactor_ends_those_that_wait_and_what_has_not_begun():
    async with looping() as loop:
        reactor = loop.reactor
        waiting = reactor.crew.spawn(reschedule(), "waits")
        await until(lambda: not reactor.tasks)
        other = reactor.crew.spawn(reschedule(), "has it now")
        assert other is waiting
    assert waiting.done
