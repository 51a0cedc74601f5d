"""The places of a service, and who waits for one.

Covers `queue.py`.
"""

from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from noderouter.core.errors import LimitReached
from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task
from tests.testing.loop import looping, until


def gate(limit: int, waiters: int = 0, seconds: float = 1e6, gradient: Gradient | None = None) -> Gate:
    return Gate(limit, Queue(waiters, seconds), gradient, "/svc/a")


async def test_beyond_the_limit_nobody_waits_unless_there_is_a_queue():
    full = gate(2)
    assert full.enter()
    assert full.enter()
    assert not full.enter()
    async with looping() as loop:
        with pytest.raises(LimitReached, match=r"^/svc/a is at its limit of 2 concurrent requests$") as caught:
            await loop.run(full.wait())
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert (full.queue.refused, full.queue.waited) == (1, 0)
    full.leave(-1.0, 0.0)
    assert full.enter()
    assert repr(full) == "<Gate 2/2 waiting=0>"


async def test_who_waits_for_too_long_is_refused():
    full = gate(1, 5, 0.05)
    assert full.enter()
    async with looping() as loop:
        with pytest.raises(LimitReached, match=r"and no place came free within 0.05 s$"):
            await loop.run(full.wait())
    assert (full.queue.waited, full.queue.timed_out, len(full.queue), full.active) == (1, 1, 0, 1)


async def test_who_waits_has_it_before_anybody_who_comes_later():
    full = gate(1, 1)
    assert full.enter()
    async with looping() as loop:
        task = loop.reactor.spawn(full.wait(), "waiter")
        await until(lambda: full.queue)
        with pytest.raises(LimitReached, match=r"and 1 wait already$"):
            await loop.run(full.wait())
        full.leave(-1.0, 0.0)
        assert not full.enter()  # it is the waiter's, though that has not run yet
        await until(lambda: task.done)
        assert (full.active, task.failure) == (1, None)


async def test_who_leaves_with_a_place_passes_it_on():
    full = gate(1, 2)
    assert full.enter()
    async with looping() as loop:
        first, second = (loop.reactor.spawn(full.wait(), str(number)) for number in range(2))
        await until(lambda: len(full.queue) == 2)
        full.leave(-1.0, 0.0)
        first.cancel("gone")  # it has it, but has not been told yet
        await until(lambda: second.done)
        assert full.active == 1
        full.leave(-1.0, 0.0)
        assert full.active == 0


async def test_a_limit_that_grows_lets_waiters_in_and_one_that_shrinks_none():
    gradient = Gradient(1, 100)
    adaptive = gate(100, 100, gradient=gradient)
    assert adaptive.limit == 20
    while adaptive.enter():
        pass
    async with looping() as loop:
        tasks = [loop.reactor.spawn(adaptive.wait(), str(number)) for number in range(10)]
        await until(lambda: len(adaptive.queue) == 10)
        now = 1000.0
        while adaptive.limit == 20:  # it is quick, and all of it is used
            now += 0.01
            adaptive.leave(0.01, now)
        assert adaptive.limit > 25
        await until(lambda: all(task.done for task in tasks))
        assert adaptive.active <= adaptive.limit
        while adaptive.active:
            now += 1.0
            adaptive.leave(1.0, now)
        assert adaptive.limit < 20


class Places(RuleBasedStateMachine):
    """Any history of coming, waiting, ending and leaving: no more than the limit are in, in the order of coming."""

    LIMIT, WAITERS = 3, 4

    def __init__(self) -> None:
        super().__init__()
        self.reactor = Reactor(lambda _task, error: self.crashed.append(error))
        self.crashed: list[BaseException] = []
        self.gate = gate(self.LIMIT, self.WAITERS)
        self.inside: list[int] = []
        self.waiting: dict[int, Task] = {}
        self.served: list[int] = []
        self.number = 0

    async def _wait(self, number: int) -> None:
        await self.gate.wait()
        self.served.append(number)
        self.inside.append(number)

    def _turn(self) -> None:
        for _ in range(3):
            self.reactor.turn()
        for number in [each for each, task in self.waiting.items() if task.done]:
            del self.waiting[number]

    @rule()
    def come(self) -> None:
        self.number += 1
        if self.gate.enter():
            assert len(self.inside) < self.LIMIT
            assert not self.waiting
            self.inside.append(self.number)
        elif len(self.waiting) < self.WAITERS:
            self.waiting[self.number] = self.reactor.spawn(self._wait(self.number), str(self.number))
            self._turn()
        else:
            refused: Coroutine[Any, Any, None] = self.gate.wait()
            with pytest.raises(LimitReached):
                refused.send(None)

    @precondition(lambda self: self.inside)
    @rule(which=st.integers(0, 9), now=st.booleans())
    def end(self, which: int, now: bool) -> None:
        self.inside.pop(which % len(self.inside))
        first = next(iter(self.waiting), None)
        self.gate.leave(-1.0, 0.0)
        self._turn()
        if first is not None:
            assert self.served[-1] == first

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 9), granted=st.booleans())
    def leave(self, which: int, granted: bool) -> None:
        """One that waits goes: perhaps in the moment in which it was given a place."""
        number = list(self.waiting)[which % len(self.waiting)]
        if granted and self.inside:
            self.inside.pop(0)
            self.gate.leave(-1.0, 0.0)
        self.waiting[number].cancel("gone")
        self._turn()

    @invariant()
    def no_more_than_the_limit_are_in(self) -> None:
        assert self.gate.active == len(self.inside) <= self.LIMIT
        assert len(self.gate.queue) == len(self.waiting) <= self.WAITERS
        assert not self.waiting or len(self.inside) == self.LIMIT
        assert not self.crashed

    def teardown(self) -> None:
        for task in self.waiting.values():
            task.cancel("over")
        self._turn()
        self.reactor.close()


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
