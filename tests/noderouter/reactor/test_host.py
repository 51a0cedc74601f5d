"""The reactor in trio: before its I/O manager, and in a task of its own where that cannot be."""

import socket
from functools import partial

import pytest
import trio
import trio.testing
from trio._core._run import GLOBAL_RUN_CONTEXT

from noderouter.reactor import host
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import reschedule, sleep
from noderouter.reactor.wire import Wire
from tests.testing.loop import looping, until


async def echo(reactor: Reactor) -> bytes:
    """What comes back from a wire that answers."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    wire = Wire(reactor, left)

    async def answer() -> None:
        await wire.send(await wire.recv())
        wire.close()

    reactor.spawn(answer(), "answer")
    with trio.socket.from_stdlib_socket(right) as other:
        await other.send(b"there and back")
        return await other.recv(100)


def in_a_task(_reactor: Reactor) -> None:
    """In place of `host.before`: trio is not as we know it."""


async def test_it_stands_before_trios_manager_while_it_runs():
    manager = GLOBAL_RUN_CONTEXT.runner.io_manager
    async with looping() as loop:
        assert isinstance(GLOBAL_RUN_CONTEXT.runner.io_manager, host.Before)
        assert await echo(loop.reactor) == b"there and back"
    assert GLOBAL_RUN_CONTEXT.runner.io_manager is manager


async def test_a_second_reactor_has_a_task_of_its_own():
    async with looping() as first, looping() as second:
        assert await echo(first.reactor) == b"there and back"
        assert await echo(second.reactor) == b"there and back"


async def test_trio_that_is_not_known_waits_for_the_descriptor(monkeypatch):
    monkeypatch.setattr(host, "before", in_a_task)
    manager = GLOBAL_RUN_CONTEXT.runner.io_manager
    async with looping() as loop:
        assert GLOBAL_RUN_CONTEXT.runner.io_manager is manager
        assert await echo(loop.reactor) == b"there and back"


async def test_trio_that_keeps_its_manager_elsewhere_waits_for_the_descriptor(monkeypatch):
    manager = GLOBAL_RUN_CONTEXT.runner.io_manager

    def unnoticed(reactor: Reactor) -> host.Before:
        made = before(reactor)
        GLOBAL_RUN_CONTEXT.runner.io_manager = manager
        assert made is not None
        return made

    before = host.before
    monkeypatch.setattr(host, "before", unnoticed)
    async with looping() as loop:
        assert loop.reactor.beside == -1
        assert await echo(loop.reactor) == b"there and back"


@pytest.mark.parametrize("before", [host.before, in_a_task])
async def test_whoever_waits_until_nothing_happens_waits_for_the_data_path(monkeypatch, before):
    monkeypatch.setattr(host, "before", before)
    async with looping() as loop:
        steps: list[int] = []

        async def work() -> None:
            for number in range(50):
                steps.append(number)
                await reschedule()

        loop.reactor.spawn(work(), "work")
        await trio.testing.wait_all_tasks_blocked()
        assert len(steps) == 50


async def test_timers_of_both_halves_run():
    async with looping() as loop:
        with trio.fail_after(30):
            await loop.run(sleep(0.1))
            await trio.sleep(0.1)


async def test_threads_of_trio_are_heard():
    async with looping():
        assert await trio.to_thread.run_sync(partial(sum, (1, 2))) == 3


async def test_a_reactor_that_fails_ends_its_host():
    async def host_one() -> None:
        async with trio.open_nursery() as nursery:
            reactor = Reactor(lambda _task, _error: None)
            await nursery.start(host.run, reactor)
            reactor.epoll.close()
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await host_one()
    assert raised.group_contains(ValueError, match="closed epoll")


async def test_what_the_data_path_sets_is_seen_at_once():
    async with looping() as loop:
        bell = trio.Event()

        async def ring() -> None:
            bell.set()

        loop.reactor.spawn(ring(), "ring")
        with trio.fail_after(30):
            await bell.wait()
        await until(lambda: not loop.reactor.tasks)
