"""Turns of handshakes: bounds for all and for one client, who waits, who gives way, and that nothing is left."""

from collections import Counter
from random import Random

import pytest

from noderouter.proxy.listener import handshakes as module
from noderouter.proxy.listener.handshakes import Handshakes
from noderouter.reactor.errors import Cancelled
from noderouter.reactor.task import PARK, Task
from tests.testing.loop import Loop, finished, looping, until


class Clients:
    """Tasks that have a turn or wait for one, until they are told to leave."""

    def __init__(self, loop: Loop, turns: Handshakes) -> None:
        self.loop = loop
        self.turns = turns
        self.entered: list[str] = []

    def come(self, client: str) -> Task:
        async def stay() -> None:
            turn = await self.turns.enter(client)
            self.entered.append(client)
            try:
                while True:
                    await PARK
            finally:
                self.turns.leave(turn)

        return self.loop.reactor.spawn(stay(), client)


def empty(turns: Handshakes) -> bool:
    return not (turns.running or turns.waiting or turns._held or turns._line or turns._lines)


async def test_who_comes_when_all_turns_are_taken_waits_for_one():
    async with looping() as loop:
        turns = Handshakes(2, 2)
        clients = Clients(loop, turns)
        tasks = [clients.come(name) for name in "abcd"]
        await until(lambda: turns.waiting == 2)
        assert clients.entered == ["a", "b"]
        tasks[0].cancel("test")
        await until(lambda: clients.entered == ["a", "b", "c"])
        tasks[3].cancel("test")
        await until(lambda: turns.waiting == 0)
        for task in tasks:
            task.cancel("test")
            await finished(task)
        assert empty(turns)


async def test_one_client_keeps_no_other_out():
    async with looping() as loop:
        turns = Handshakes(10, 2)
        clients = Clients(loop, turns)
        many = [clients.come("many") for _ in range(20)]
        await until(lambda: turns.waiting == 18)
        other = clients.come("other")
        await until(lambda: "other" in clients.entered)
        assert Counter(clients.entered) == {"many": 2, "other": 1}
        many[0].cancel("test")
        await until(lambda: len(clients.entered) == 4)
        for task in (*many, other):
            task.cancel("test")
            await finished(task)
        assert empty(turns)


async def test_the_oldest_gives_way_once_it_has_lasted(monkeypatch):
    async with looping() as loop:
        turns = Handshakes(2, 2)
        clients = Clients(loop, turns)
        tasks = [clients.come(name) for name in "abc"]
        await until(lambda: turns.waiting == 1)
        assert turns.evicted == 0
        monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
        tasks.append(clients.come("d"))
        await until(lambda: clients.entered == ["a", "b", "c"])
        assert turns.evicted == 1
        assert isinstance(tasks[0].failure, Cancelled)
        for task in tasks:
            task.cancel("test")
            await finished(task)
        assert empty(turns)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_comes_and_goes_the_bounds_hold_and_nobody_is_forgotten(seed):
    rng = Random(seed)
    async with looping() as loop:
        turns = Handshakes(5, 3)
        clients = Clients(loop, turns)
        there: list[Task] = []
        for _ in range(300):
            if there and rng.random() < 0.45:
                there.pop(rng.randrange(len(there))).cancel("test")
            else:
                there.append(clients.come(rng.choice("aaab")))
            if rng.random() < 0.3:
                await until(lambda: not loop.reactor._runnable and not loop.reactor._bulk)
                held = Counter(turn.client for turn in turns.running)
                assert len(turns.running) <= 5
                assert not held or max(held.values()) <= 3
                _nobody_waits_for_nothing(turns)
        for task in there:
            task.cancel("test")
        for task in there:
            await finished(task)
        await until(lambda: empty(turns))


def _nobody_waits_for_nothing(turns: Handshakes) -> None:
    """In the common line only where all turns are taken, in a line of its own only who holds as many as it may."""
    assert not turns._line or len(turns.running) == 5
    for client, line in turns._lines.items():
        assert line
        assert turns._held[client] == 3
