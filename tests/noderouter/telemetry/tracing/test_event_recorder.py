"""The router's own log on its way to a collector: what is taken, and what never is."""

import io
import json
from collections.abc import Sequence

import trio
from trio.testing import MockClock

from noderouter.app import log_event
from noderouter.telemetry import log
from noderouter.telemetry.tracing.event import Event
from noderouter.telemetry.tracing.event_recorder import EventRecorder
from noderouter.telemetry.tracing.exporter import EventExporter
from noderouter.telemetry.tracing.post import Answer, Collector
from noderouter.telemetry.tracing.queue import Queue
from noderouter.telemetry.tree import MetricsTree

GOOD, REFUSED = Answer(200), Answer(400, "no")


class Deaf(Collector):
    """Gives one answer, again and again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("http://collector.test/", "", {})
        self.answer = answer
        self.got: list[list[str]] = []

    async def post(self, body: bytes) -> Answer:
        self.got.append(json.loads(body))
        await trio.lowlevel.checkpoint()
        return self.answer


def encode(events: Sequence[Event]) -> bytes:
    return json.dumps([event.name for event in events]).encode()


async def at_once(what: object, events: Sequence[Event]) -> bytes:
    return encode(events)


class World:
    """A recorder whose exporter runs."""

    def __init__(self, nursery: trio.Nursery, answer: Answer = GOOD, capacity: int = 100) -> None:
        self.collector = Deaf(answer)
        exporter = EventExporter("test", Queue(capacity), lambda: encode, self.collector)
        exporter._in_thread = at_once
        self.recorder = EventRecorder(exporter, clock=lambda: 7)
        self.recorder.listen()
        nursery.start_soon(self.recorder.run, log_event)


async def test_what_is_logged_is_sent(stream: io.StringIO, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(nursery)
    logger = log.get("noderouter.a")
    logger.info("a.first", port=1)
    logger.debug("a.second")  # below its level
    for _ in range(log.BURST + 5):
        logger.warning("a.third")
    await trio.sleep(2)
    assert world.collector.got == [["a.first", *["a.third"] * log.BURST]]


async def test_its_own_failures_are_said_on_standard_error_and_never_sent(
    stream: io.StringIO, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Else a collector that refuses would be told so, which it refuses: for ever."""
    world = World(nursery, REFUSED)
    log.get("noderouter.a").info("a.first")
    await trio.sleep(60)
    assert world.collector.got == [["a.first"]]
    (said,) = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "log.unsent"]
    assert (said["telemeter"], said["collector"], said["reason"], said["events"]) == (
        *("test", "http://collector.test/", "400 no"),
        1,
    )


async def test_what_waits_is_bounded_and_counted(
    stream: io.StringIO, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery, capacity=3)
    for number in range(5):
        log.get("noderouter.a").info(f"a.number_{number}")
    tree = MetricsTree()
    world.recorder.gauges(tree.scope("events"))
    assert tree.number("events", "dropped") == 2
    await trio.sleep(2)
    assert world.collector.got == [["a.number_2", "a.number_3", "a.number_4"]]
    assert tree.number("events", "sent") == 3


async def test_it_listens_until_its_exporter_is_flushed(stream: io.StringIO, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        world = World(nursery)
        await trio.testing.wait_all_tasks_blocked()
        log.get("noderouter.a").info("a.first")
        await world.recorder.exporter.flush(1.0)
    log.get("noderouter.a").info("a.second")
    assert world.collector.got == [["a.first"]]
    assert len(world.recorder.exporter.queue) == 0
    assert log.listeners._all == ()


async def test_it_listens_no_more_when_it_was_cancelled(stream: io.StringIO, nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as inner:
        World(inner)
        inner.cancel_scope.cancel()
    assert log.listeners._all == ()
