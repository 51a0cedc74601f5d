"""What is thrown into a task: it arrives where it was meant, or not at all, and no wake-up is lost to it.

The reactor is turned by hand: what comes first is the test's to say.
"""

import socket
from collections.abc import Callable, Coroutine, Iterator
from time import monotonic
from typing import Any

import pytest

from noderouter.reactor.errors import Cancelled
from noderouter.reactor.event import Event
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import PARK, Task, Timeout, reschedule, sleep, stand_back
from noderouter.reactor.wire import BULK_BYTES, Wire

SHORT = 0.01
"""Seconds: waited for by `pass_by`, and long enough for what a test does first."""


class Hand:
    """A reactor, and the hand that turns it."""

    def __init__(self) -> None:
        self.crashes: list[BaseException] = []
        self.reactor = Reactor(lambda _task, error: self.crashes.append(error))
        self.peers: list[socket.socket] = []

    def wire(self) -> tuple[Wire, socket.socket]:
        """A wire and its peer."""
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        peer.setblocking(False)
        self.peers.append(peer)
        return Wire(self.reactor, ours), peer

    def start(self, coro: Coroutine[Any, Any, None]) -> Task:
        """Step a new task to its first wait."""
        task = self.reactor.spawn(coro, "test")
        self.turn()
        return task

    def turn(self) -> None:
        """Until nothing is left to do."""
        while self.reactor.turn():
            pass

    def pass_by(self, task: Task) -> None:
        """Let time pass until the task's deadline has been noticed; nothing is stepped."""
        armed = task.armed
        assert armed
        while task.armed == armed:
            self.reactor.tick()


@pytest.fixture
def hand() -> Iterator[Hand]:
    made = Hand()
    yield made
    made.reactor.close()
    for peer in made.peers:
        peer.close()
    assert not made.crashes, made.crashes


def test_a_cancel_is_not_lost_to_a_deadline_that_passes_before_it_is_delivered(hand: Hand) -> None:
    log: list[str] = []

    async def work() -> None:
        with Timeout(SHORT):
            await PARK
        log.append("went on")
        await PARK

    task = hand.start(work())
    task.cancel("client has gone")
    hand.pass_by(task)
    hand.turn()
    assert (task.done, log) == (True, [])
    assert isinstance(task.failure, Cancelled)


def test_a_deadline_that_gave_way_to_something_else_still_holds(hand: Hand) -> None:
    log: list[object] = []

    async def work() -> None:
        with Timeout(SHORT) as scope:
            try:
                await PARK
            except OSError:
                log.append("failed")
            await PARK
        log.append(scope.expired)

    task = hand.start(work())
    task.interrupt(OSError("slow"), lambda: True)
    hand.pass_by(task)
    hand.turn()
    assert log == ["failed"]
    hand.pass_by(task)
    hand.turn()
    assert (task.done, log) == (True, ["failed", True])


def test_an_interruption_does_not_take_the_place_of_a_deadline_or_a_cancel(hand: Hand) -> None:
    async def work() -> None:
        with Timeout(SHORT):
            await PARK
        await PARK

    for cancelled in (False, True):
        task = hand.start(work())
        if cancelled:
            task.cancel("end")
        else:
            hand.pass_by(task)
        task.interrupt(OSError("slow"), lambda: True)
        hand.turn()
        assert task.done is cancelled
        assert not isinstance(task.failure, OSError)


def test_an_expiry_that_was_overtaken_does_not_take_a_wake_up_with_it(hand: Hand) -> None:
    """The block is left between the tick and the step; what is waited for next comes at once."""
    first, first_peer = hand.wire()
    second, second_peer = hand.wire()
    event = Event()
    log: list[object] = []

    async def work() -> None:
        with Timeout(SHORT):
            log.append(await first)
        await event.wait()
        log.append("woken")

    async def wake() -> None:
        await second
        event.set()

    task = hand.start(work())
    hand.start(wake())
    first_peer.send(b"data")
    second_peer.send(b"go")
    hand.pass_by(task)
    hand.turn()
    assert (task.done, log) == (True, [b"data", "woken"])


def test_what_has_come_in_time_counts_however_late_we_are(hand: Hand) -> None:
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        with Timeout(SHORT) as scope:
            log.append(await wire)
        log.append(scope.expired)

    task = hand.start(work())
    peer.send(b"data")
    hand.pass_by(task)
    hand.turn()
    assert log == [b"data", False]


def test_a_deadline_that_was_put_off_is_looked_at_again(hand: Hand) -> None:
    """As a tunnel does when something has moved, between the tick and the step."""
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        with Timeout(SHORT) as scope:
            log.append(await wire)
            scope.deadline = monotonic() + SHORT
            await PARK
            log.append("woken for nothing")
            await PARK
        log.append(scope.expired)

    task = hand.start(work())
    peer.send(b"data")
    hand.pass_by(task)
    hand.turn()
    assert log[0] == b"data"
    while not task.done:
        hand.pass_by(task)
        hand.turn()
    assert log[-1] is True


def test_an_interruption_does_not_arrive_elsewhere(hand: Hand) -> None:
    """What it was about is over by the time it is delivered."""
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        log.append(await wire)
        log.append(await wire)

    task = hand.start(work())
    peer.send(b"first")
    task.interrupt(OSError("the first does not come"), lambda: not log)
    hand.turn()
    assert (task.done, log) == (False, [b"first"])
    task.interrupt(OSError("the second does not come"), lambda: len(log) == 1)
    hand.turn()
    assert isinstance(task.failure, OSError)
    hand.crashes.clear()


def test_nothing_happens_between_a_cancel_and_its_delivery(hand: Hand) -> None:
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        log.append(await wire)

    task = hand.start(work())
    peer.send(b"data")
    task.cancel("end")
    hand.turn()
    assert (task.done, log) == (True, [])


@pytest.mark.parametrize("size", [100, BULK_BYTES])
def test_a_cancel_is_taken_back_where_it_is_not_meant_any_more(hand: Hand, size: int) -> None:
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        with Timeout(SHORT) as scope:
            log.append(await wire.recv(size))
            await PARK
        log.append(scope.expired)
        await PARK

    task = hand.start(work())
    task.cancel("idle", wire.silent)
    peer.send(b"data")
    hand.pass_by(task)
    hand.turn()
    assert (log, task.unwinding) == ([b"data"], 0)
    while len(log) < 2:
        hand.pass_by(task)
        hand.turn()
    assert (log, task.done) == ([b"data", True], False), "its deadline held as if nothing had been said"
    task.cancel("idle", wire.silent)
    hand.turn()
    assert isinstance(task.failure, Cancelled)


def test_a_cancel_without_conditions_is_the_stronger_one(hand: Hand) -> None:
    async def work() -> None:
        await PARK

    never: Callable[[], bool] = lambda: False  # noqa: E731
    one, other = hand.start(work()), hand.start(work())
    one.cancel("idle", never)
    one.cancel("reset")
    other.cancel("reset")
    other.cancel("idle", never)
    hand.turn()
    assert one.done
    assert other.done


@pytest.mark.parametrize("where", ["sleep", "event", "join", "wire", "bulk", "readable", "writable", "drain"])
def test_every_wait_goes_on_waiting_when_it_is_woken_for_nothing(hand: Hand, where: str) -> None:
    wire, peer = hand.wire()
    event = Event()
    other = hand.reactor.spawn(event.wait(), "other")
    hand.turn()
    wire.put(b"x" * 1_000_000)  # more than there is room for

    waits: dict[str, Callable[[], Any]] = {
        "sleep": lambda: sleep(3600),
        "event": event.wait,
        "join": other.join,
        "wire": wire.recv,
        "bulk": lambda: wire.recv(BULK_BYTES),
        "readable": wire.wait_readable,
        "writable": wire.wait_writable,
        "drain": lambda: wire.drain(3600),
    }
    log: list[str] = []

    async def wait() -> None:
        await waits[where]()
        log.append("over")

    task = hand.start(wait())
    for wake in (hand.reactor.schedule, hand.reactor.defer):
        for _ in range(3):
            wake(task)
            hand.turn()
    assert not log
    event.set()
    peer.send(b"x")
    try:
        while peer.recv(1 << 20):
            hand.turn()
    except BlockingIOError:
        pass
    hand.turn()
    assert log == ([] if where == "sleep" else ["over"])


@pytest.mark.parametrize("give_way", [reschedule, stand_back])
def test_who_only_gives_way_may_go_on_early(hand: Hand, give_way: Callable[[], Any]) -> None:
    """And is not resumed twice for one wait: the turn that is left over wakes the next wait for nothing."""
    wire, peer = hand.wire()
    log: list[object] = []

    async def work() -> None:
        await give_way()
        log.append(await wire)

    task = hand.start(work())
    assert not log
    peer.send(b"x")
    hand.turn()
    assert (task.done, log) == (True, [b"x"])
