"""Tasks that go from one coroutine to the next."""

import pytest
import trio.testing

from noderouter.reactor.crew import MOST_WAITING
from noderouter.reactor.errors import Cancelled
from noderouter.reactor.task import PARK, current_task, reschedule, sleep
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
        assert not first.done


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
        assert sum(task.done for task in tasks) == 10


async def test_closing_the_reactor_ends_those_that_wait_and_what_has_not_begun():
    async with looping() as loop:
        reactor = loop.reactor
        waiting = reactor.crew.spawn(reschedule(), "waits")
        await until(lambda: not reactor.tasks)
        other = reactor.crew.spawn(reschedule(), "has it now")
        assert other is waiting
    assert waiting.done
