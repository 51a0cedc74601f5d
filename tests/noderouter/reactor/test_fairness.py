"""Two classes of work: what moves bulk, lets in or unwinds waits behind everything else. Counted, never timed."""

import socket
from itertools import pairwise
from time import monotonic

import trio

from noderouter.reactor import loop as module
from noderouter.reactor.task import PARK, reschedule, sleep, stand_back
from noderouter.reactor.wire import BULK_BYTES, STEP_BYTES, Wire
from tests.testing.loop import Loop, finished, looping, until


def pair(loop: Loop) -> tuple[Wire, socket.socket]:
    """A wire and its peer."""
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return Wire(loop.reactor, left), right


async def test_everybody_else_is_stepped_between_two_steps_of_bulk(monkeypatch):
    """However many want to move bulk, and however long each step takes."""
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    seen: list[str] = []
    async with looping() as loop:

        async def bulk(name: str) -> None:
            for _ in range(5):
                await stand_back()
                seen.append(name)

        async def other() -> None:
            while seen.count("other") < 60:
                seen.append("other")
                await reschedule()

        tasks = [loop.reactor.spawn(bulk(f"bulk {number}"), "bulk") for number in range(10)]
        tasks.append(loop.reactor.spawn(other(), "other"))
        for task in tasks:
            await finished(task)
    last = len(seen) - 1 - seen[::-1].index("other")
    runs = "".join("b" if each != "other" else "|" for each in seen[:last]).split("|")
    longest = max(map(len, runs))
    assert longest == 1
    assert seen.count("bulk 0") == seen.count("bulk 9") == 5


async def test_a_step_that_takes_a_slice_is_the_last_one_in_it():
    """The clock is looked at before another one begins."""
    seen: list[str] = []
    async with looping() as loop:

        async def bulk() -> None:
            for _ in range(10):
                await stand_back()
                end = monotonic() + 2 * module.SLICE_SECONDS
                while monotonic() < end:
                    pass
                seen.append("bulk")

        async def other() -> None:
            while seen.count("bulk") < 30:
                seen.append("|")
                await reschedule()

        tasks = [loop.reactor.spawn(bulk(), "bulk") for _ in range(3)]
        tasks.append(loop.reactor.spawn(other(), "other"))
        for task in tasks:
            await finished(task)
    assert all(not (one == other == "bulk") for one, other in pairwise(seen))


async def test_each_gets_one_turn_in_a_slice():
    """Who asks for another at once does not keep those behind him waiting."""
    seen: list[int] = []
    async with looping() as loop:

        async def bulk(number: int) -> None:
            for _ in range(3):
                await stand_back()
                seen.append(number)

        tasks = [loop.reactor.spawn(bulk(number), "bulk") for number in range(3)]
        for task in tasks:
            await finished(task)
    assert seen == [0, 1, 2] * 3


async def test_a_reader_of_much_stands_back_after_a_step():
    """What is there already is read in steps of bounded size, with others in between."""
    turns: list[int] = []
    total = 4 * STEP_BYTES
    async with looping() as loop:
        wire, peer = pair(loop)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * total)
        peer.setblocking(True)
        got = 0
        stop = False

        async def read() -> None:
            nonlocal got, stop
            await sleep(0.05)  # until all of it is there
            while got < total:
                got += len(await wire.recv(BULK_BYTES))
            stop = True

        async def other() -> None:
            while not stop:
                turns.append(got)
                await reschedule()

        sent = peer.send(bytes(total))
        while sent < total:  # a socket pair takes what it takes
            total = sent
        reader, watcher = loop.reactor.spawn(read(), "read"), loop.reactor.spawn(other(), "other")
        await finished(reader)
        await finished(watcher)
        steps = [after - before for before, after in pairwise(turns)]
        assert max(steps) <= 2 * STEP_BYTES  # the step that the sleep ended with, and its first of bulk
        assert sorted(steps)[-2] <= STEP_BYTES
        wire.close()
        peer.close()


async def test_an_event_for_bulk_waits_behind_events_for_others():
    """Both are ready in the same look: the one who asked for little is stepped first, whatever the order."""
    seen: list[str] = []
    async with looping() as loop:
        wires = [pair(loop) for _ in range(6)]

        async def read(number: int, size: int) -> None:
            await wires[number][0].recv(size)
            seen.append("bulk" if size > 16384 else "small")

        tasks = [loop.reactor.spawn(read(number, BULK_BYTES if number < 3 else 100), "read") for number in range(6)]
        await until(lambda: all(wire.reader is not None for wire, _ in wires))
        for _, peer in wires:
            peer.send(b"x" * 10)
        for task in tasks:
            await finished(task)
        assert seen == ["small"] * 3 + ["bulk"] * 3
        for wire, peer in wires:
            wire.close()
            peer.close()


async def test_a_crowd_that_leaves_is_unwound_behind_others(monkeypatch):
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    left: list[int] = []
    between: list[int] = []
    async with looping() as loop:

        async def leaving() -> None:
            try:
                await PARK
            finally:
                left.append(1)

        async def other() -> None:
            while len(left) < 50:
                between.append(len(left))
                await reschedule()

        tasks = [loop.reactor.spawn(leaving(), "leaving") for _ in range(50)]
        await trio.testing.wait_all_tasks_blocked()
        loop.reactor.spawn(other(), "other")
        for task in tasks:
            task.cancel("gone")
        for task in tasks:
            await finished(task)
        assert max(after - before for before, after in pairwise(between)) == 1
