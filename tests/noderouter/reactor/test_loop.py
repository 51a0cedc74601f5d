"""The loop: cancellation, unwinding, crash isolation, fairness, timers, the bridge."""

import resource
import socket
import subprocess
import sys
import weakref
from functools import partial

import pytest
import trio

from noderouter.proxy.listener.listener import Listener, listen
from noderouter.reactor import host
from noderouter.reactor.errors import Cancelled, Expired
from noderouter.reactor.event import Event
from noderouter.reactor.task import PARK, UNWIND_SECONDS, Park, Timeout, current_task, reschedule, sleep
from noderouter.reactor.wire import Wire
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import descriptors, finished, looping, until


async def test_a_task_outside_the_data_plane_is_told_so():
    with pytest.raises(RuntimeError, match="data-plane"):
        current_task()


async def test_a_crash_touches_nobody_else():
    async with looping(expect_crashes=True) as loop:

        async def crash() -> None:
            await reschedule()
            raise ValueError("boom")

        async def fine() -> str:
            await sleep(0.06)
            return "fine"

        loop.reactor.spawn(crash(), "crash")
        assert await loop.run(fine()) == "fine"
        assert [str(error) for error in loop.crashes] == ["boom"]
        assert loop.reactor.crashes == 1


@pytest.mark.parametrize("where", ["park", "sleep", "event", "join", "recv", "reschedule"])
async def test_cancel_reaches_every_kind_of_wait(where):
    async with looping() as loop:
        left, right = socket.socketpair()
        left.setblocking(False)
        wire = Wire(loop.reactor, left)
        other = loop.reactor.spawn(sleep(60), "other")
        log: list[object] = []

        async def reschedule_for_ever() -> None:
            while True:
                await reschedule()

        waits = {
            "park": Park,
            "sleep": lambda: sleep(60),
            "event": Event().wait,
            "join": other.join,
            "recv": wire.recv,
            "reschedule": reschedule_for_ever,
        }

        async def wait() -> None:
            try:
                log.append("waiting")
                await waits[where]()
            except Cancelled as error:
                log.append(error.reason)
                raise
            finally:
                log.append("finally")

        task = loop.reactor.spawn(wait(), "wait")
        await until(lambda: log)
        task.cancel("enough")
        await finished(task)
        assert log == ["waiting", "enough", "finally"]
        other.cancel("end")
        wire.close()
        right.close()


async def test_cancel_before_the_first_step_and_after_the_end():
    async with looping() as loop:
        task = loop.reactor.spawn(sleep(0), "short")
        task.cancel("early")
        await finished(task)
        task.cancel("late")
        assert task.done


async def test_unwinding_may_await_but_not_for_ever(monkeypatch):
    monkeypatch.setattr("noderouter.reactor.task.UNWIND_SECONDS", 0.3)  # where it is compiled, it stays a second
    async with looping() as loop:
        log: list[str] = []

        async def brief() -> None:
            try:
                await PARK
            finally:
                await sleep(0.05)
                log.append("cleaned up")

        async def stubborn() -> None:
            while True:
                try:
                    await PARK
                except Cancelled:
                    log.append("no")

        one, other = loop.reactor.spawn(brief(), "brief"), loop.reactor.spawn(stubborn(), "stubborn")
        await until(lambda: one.since or not one.queued)
        one.cancel("end")
        other.cancel("end")
        await finished(one)
        assert "cleaned up" in log
        await finished(other, 6 * UNWIND_SECONDS)
        assert log.count("no") >= 2


async def test_a_join_gets_the_failure_of_its_task():
    async with looping() as loop:

        async def fail() -> None:
            await reschedule()
            raise KeyError("inner")

        async def join() -> None:
            await loop.reactor.spawn(fail(), "fail").join()

        with pytest.raises(KeyError, match="inner"):
            await loop.run(join())


async def test_timeouts_nest_and_only_their_own_scope_stops():
    async with looping() as loop:

        async def nested() -> list[bool]:
            with Timeout(0.1) as outer:
                with Timeout(10) as inner:
                    await PARK
                raise AssertionError("the outer scope has expired")
            return [outer.expired, inner.expired]

        assert await loop.run(nested()) == [True, False]

        async def inner_first() -> list[bool]:
            with Timeout(10) as outer:
                with Timeout(0.05) as inner:
                    await PARK
                await reschedule()
            return [outer.expired, inner.expired]

        assert await loop.run(inner_first()) == [False, True]


async def test_a_timeout_that_is_left_in_time_never_fires():
    async with looping() as loop:

        async def leave() -> str:
            for _ in range(3):
                with Timeout(0.04):
                    await reschedule()
            await sleep(0.2)
            return "undisturbed"

        assert await loop.run(leave()) == "undisturbed"


async def test_no_filter_can_swallow_an_expiry():
    async with looping() as loop:

        async def swallow() -> None:
            try:
                await PARK
            except Exception:
                raise AssertionError("swallowed") from None

        async def outer() -> bool:
            with Timeout(0.05) as scope:
                await swallow()
            return scope.expired

        assert await loop.run(outer())
        assert not issubclass(Expired, Exception)


async def test_deadlines_fire_in_order_and_at_most_a_tick_late():
    async with looping() as loop:
        order: list[float] = []

        async def one(seconds: float) -> None:
            await sleep(seconds)
            order.append(seconds)

        tasks = [loop.reactor.spawn(one(seconds), "sleep") for seconds in (0.3, 0.1, 0.2)]
        for task in tasks:
            await finished(task)
        assert order == [0.1, 0.2, 0.3]


async def test_the_bridge_both_ways():
    async with looping() as loop:
        there, back = Event(), Event()

        async def answer() -> None:
            await there.wait()
            back.set()

        loop.reactor.spawn(answer(), "answer")
        seen = trio.Event()
        back.call(seen.set)
        there.set()
        with trio.fail_after(PATIENCE_SECONDS):
            await seen.wait()
        there.clear()
        assert not there.is_set()


async def test_an_event_wakes_every_waiter_once():
    async with looping() as loop:
        event = Event()
        woken: list[int] = []

        async def wait(number: int) -> None:
            await event.wait()
            woken.append(number)

        tasks = [loop.reactor.spawn(wait(number), "wait") for number in range(10)]
        await until(lambda: not any(task.queued for task in tasks))
        event.set()
        for task in tasks:
            await finished(task)
        assert sorted(woken) == list(range(10))


async def test_an_idle_reactor_does_not_turn():
    async with looping() as loop:
        await trio.testing.wait_all_tasks_blocked()
        turns = loop.reactor.turns
        await trio.sleep(0.2)
        assert loop.reactor.turns == turns


async def test_the_control_plane_gets_turns_at_full_load():
    async with looping() as loop:

        async def spin() -> None:
            while True:
                await reschedule()

        tasks = [loop.reactor.spawn(spin(), "spin") for _ in range(50)]
        lag = host.Lag(0.01)
        with trio.move_on_after(0.5):
            await lag.watch()
        with trio.fail_after(PATIENCE_SECONDS):  # without its turns, not even the first would come
            for _ in range(10):
                await trio.lowlevel.checkpoint()
        for task in tasks:
            task.cancel("end")
            await finished(task)


async def test_one_flooding_connection_does_not_starve_another():
    """A peer that always has data waiting gives way to others after some reads."""
    async with looping() as loop:
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)
        flooded = Wire(loop.reactor, left)
        stop = False

        async def flood() -> None:
            while not stop:
                try:
                    while True:
                        right.send(b"x" * 1000)
                except BlockingIOError:
                    pass
                await flooded.recv(100)

        task = loop.reactor.spawn(flood(), "flood")
        await until(lambda: flooded.readable)
        others = 0

        async def count() -> None:
            nonlocal others
            for _ in range(20):
                others += 1
                await reschedule()

        with trio.fail_after(PATIENCE_SECONDS):
            await loop.run(count())
        assert others == 20
        assert not task.done
        stop = True
        await finished(task)
        flooded.close()
        right.close()


CROWD = """
import resource, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
print("connected", flush=True)
sys.stdin.readline()
peers[count // 2].sendall(b"x")
sys.stdin.readline()
"""


@pytest.mark.slow
async def test_ten_thousand_idle_connections():
    """They cost descriptors and memory, but no turns and no timers. The peers live in another process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    if hard < wanted + 500:
        pytest.skip(f"this needs {wanted + 500} descriptors, and the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 500), hard))
    before = descriptors()
    try:
        async with looping() as loop, trio.open_nursery() as nursery:
            heard: list[bytes] = []

            class Idle:
                def __init__(self, wire: Wire) -> None:
                    self.wire = wire

                async def run(self, _task: object) -> None:
                    while data := await self.wire.recv():
                        heard.append(data)
                    self.wire.close()

                def drain(self) -> None:
                    pass

            listener = Listener(
                loop.reactor, listen("127.0.0.1", 0), lambda wire, _peer: Idle(wire), lambda _error: None
            )
            command = [sys.executable, "-c", CROWD, str(listener.address[1]), str(wanted)]
            crowd = await nursery.start(
                partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            )
            await until(lambda: len(listener.connections) == wanted, 60)
            await trio.testing.wait_all_tasks_blocked(0.05)
            turns = loop.reactor.turns
            assert not loop.reactor.timers
            await crowd.stdin.send_all(b"\n")
            await until(lambda: heard == [b"x"])
            assert loop.reactor.turns - turns < 20
            await crowd.stdin.aclose()
            await until(lambda: not listener.connections, 30)
            listener.drain()
        assert descriptors() == before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_closing_the_reactor_closes_everything():
    before = descriptors()
    log: list[str] = []
    async with looping() as loop:
        left, right = socket.socketpair()
        left.setblocking(False)

        async def hold() -> None:
            try:
                await Wire(loop.reactor, left).recv()
            finally:
                log.append("closed")

        loop.reactor.spawn(hold(), "hold")
        await until(lambda: loop.reactor.turns > 1)
    right.close()
    assert log == ["closed"]
    assert descriptors() == before


async def test_a_task_that_was_cancelled_keeps_nothing_of_what_it_was_about():
    """The wheel of timers knows it until its deadline would have come."""

    class Buffer:
        pass

    alive: list[weakref.ref[Buffer]] = []
    async with looping() as loop:

        async def work() -> None:
            buffer = Buffer()
            alive.append(weakref.ref(buffer))
            try:
                with Timeout(3600):
                    await PARK
            except Cancelled:
                try:
                    raise ValueError("while it was unwound")
                except ValueError:
                    raise Cancelled("again") from None

        task = loop.reactor.spawn(work(), "work")
        await until(lambda: alive)
        task.cancel("enough")
        await finished(task)
        assert alive[0]() is None
