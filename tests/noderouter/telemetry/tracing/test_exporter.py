"""Batches on their way: sent, sent again, given up, dropped, flushed.

The collector is a fake, and nothing runs in threads, for which the clock would not wait; `test_post.py` has real ones.
"""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from noderouter.telemetry.metrics import Gauge
from noderouter.telemetry.tracing.exporter import BATCH, LONGEST_PAUSE, TRIES, LogExporter, SpanExporter
from noderouter.telemetry.tracing.post import Answer, Collector
from noderouter.telemetry.tracing.queue import Queue, SpanQueue
from noderouter.telemetry.tracing.span import Span, SpanKind

GOOD = Answer(202)


class Scripted(Collector):
    """Gives these answers, and the last one ever after."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__("http://collector.test/", "", {})
        self.answers = list(answers)
        self.got: list[tuple[float, list[int]]] = []

    async def post(self, body: bytes) -> Answer:
        self.got.append((trio.current_time(), json.loads(body)))
        await trio.lowlevel.checkpoint()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def encode(spans: Sequence[Span]) -> bytes:
    return json.dumps([span.span_id for span in spans]).encode()


async def at_once(what: Callable[[Sequence[Span]], bytes], spans: Sequence[Span]) -> bytes:
    return what(spans)


class World:
    """An exporter that runs, with its log."""

    def __init__(self, *answers: Answer, capacity: int = 8192) -> None:
        self.collector = Scripted(*answers)
        self.exporter = SpanExporter("io.l5d.test", SpanQueue(capacity), lambda: encode, self.collector)
        self.exporter._in_thread = at_once
        self.log: list[tuple[str, dict[str, object]]] = []

    def put(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.exporter.queue.put(Span((0, 1, number, 0), SpanKind.SERVER, "GET", "out", (1, 2), tuple))

    async def run(self) -> None:
        await self.exporter.run(lambda _level, event, /, **fields: self.log.append((event, fields)))

    @property
    def sent(self) -> list[int]:
        return [span for _, spans in self.collector.got for span in spans]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        exporter = self.exporter
        return exporter.sent, exporter.failed, exporter.retries, exporter.queue.dropped


async def test_spans_are_sent_within_a_second_and_full_batches_sooner(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(GOOD)
    nursery.start_soon(world.run)
    world.put(3)
    await trio.sleep(1.5)
    assert world.sent == [0, 1, 2]
    world.put(9 * BATCH + 1)
    await trio.sleep(0.15)  # whatever there is of full ones: a busy router records more than one while one waits
    assert [len(spans) for _, spans in world.collector.got[1:]] == [BATCH] * 9
    await trio.sleep(1.5)
    assert world.counts == (9 * BATCH + 4, 0, 0, 0)
    assert max(moment for moment, _ in world.collector.got) < 3.0
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answer", [Answer(429), Answer(502), Answer(503), Answer(504), Answer(reason="refused")])
async def test_a_collector_that_cannot_now_is_asked_again_with_longer_pauses(
    nursery: trio.Nursery, autojump_clock: MockClock, answer: Answer
) -> None:
    world = World(answer, answer, answer, GOOD)
    nursery.start_soon(world.run)
    world.put(2)
    await trio.sleep(20)
    assert [spans for _, spans in world.collector.got] == [[0, 1]] * 4
    moments = [moment for moment, _ in world.collector.got]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    for pause, longest in zip(pauses, (1, 2, 4), strict=True):
        assert longest / 2 <= pause <= longest + 0.01
    assert world.counts == (2, 0, 3, 0)
    assert world.log == []
    nursery.cancel_scope.cancel()


async def test_it_waits_as_long_as_the_collector_asks_for(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(Answer(429, retry_after=17.0), GOOD)
    nursery.start_soon(world.run)
    world.put(1)
    await trio.sleep(30)
    (first, _), (second, _) = world.collector.got
    assert 17.0 <= second - first < 17.1
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 301])
async def test_what_a_collector_refuses_is_given_up_and_said_once(
    nursery: trio.Nursery, autojump_clock: MockClock, status: int
) -> None:
    world = World(Answer(status, "no"))
    nursery.start_soon(world.run)
    world.put(2)
    await trio.sleep(1.5)
    world.put(1)
    await trio.sleep(1.5)
    assert world.counts == (0, 3, 0, 0)
    ((event, fields),) = world.log
    assert event == "tracing.failed"
    assert fields == {
        "telemeter": "io.l5d.test",
        "collector": "http://collector.test/",
        "reason": f"{status} no",
        "spans": 2,
    }
    world.collector.answers = [GOOD]
    world.put(1)
    await trio.sleep(1.5)
    world.collector.answers = [Answer(400)]
    world.put(1)
    await trio.sleep(1.5)
    assert len(world.log) == 2
    nursery.cancel_scope.cancel()


async def test_lines_go_the_same_way_and_are_called_so(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    collector, log = Scripted(Answer(503, "later"), Answer(400, "no")), []
    exporter = LogExporter("io.l5d.test", Queue(), lambda: lambda lines: json.dumps(list(lines)).encode(), collector)
    exporter._in_thread = at_once  # type: ignore[assignment]
    exporter.queue.put({"path": "/"})
    nursery.start_soon(exporter.run, lambda _level, event, /, **fields: log.append((event, fields["lines"])))
    await trio.sleep(4)
    assert (log, exporter.retries, exporter.failed) == ([("access_log.unsent", 1)], 1, 1)
    nursery.cancel_scope.cancel()


async def test_while_a_collector_is_dead_the_newest_spans_are_kept(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(Answer(reason="refused"), capacity=10)
    nursery.start_soon(world.run)
    world.put(5)
    await trio.sleep(1.5)
    world.put(25, first=100)
    assert (len(world.exporter.queue), world.exporter.queue.dropped) == (10, 15)
    await trio.sleep(TRIES * LONGEST_PAUSE)
    assert len(world.collector.got) >= TRIES
    assert world.exporter.failed >= 5
    world.collector.answers = [GOOD]
    await trio.sleep(TRIES * LONGEST_PAUSE)
    assert world.sent[-10:] == list(range(115, 125))
    nursery.cancel_scope.cancel()


async def test_at_the_end_what_waits_is_sent_even_in_a_pause(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    world = World(Answer(503, retry_after=60.0), GOOD)
    nursery.start_soon(world.run)
    world.put(BATCH)
    await trio.sleep(1.5)
    world.put(BATCH, first=BATCH)
    began = trio.current_time()
    await world.exporter.flush(5.0)
    assert trio.current_time() - began < 1.0
    assert world.sent[BATCH:] == list(range(2 * BATCH))
    assert world.counts == (2 * BATCH, 0, 1, 0)
    await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_the_end_does_not_wait_for_a_collector_that_does_not_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(GOOD)

    async def never(_body: bytes) -> Answer:
        await trio.sleep_forever()
        raise AssertionError

    world.collector.post = never  # type: ignore[method-assign]
    world.put(BATCH + 5)
    began = trio.current_time()
    await world.exporter.flush(2.0)
    assert trio.current_time() - began == pytest.approx(2.0, abs=0.1)
    assert world.counts == (0, BATCH + 5, 0, 0)


async def test_the_end_gives_up_at_the_first_refusal(autojump_clock: MockClock) -> None:
    world = World(Answer(503))
    world.put(3 * BATCH)
    await world.exporter.flush(5.0)
    assert len(world.collector.got) == 1
    assert world.counts == (0, 3 * BATCH, 0, 0)


def test_what_becomes_of_spans_is_in_the_metrics() -> None:
    found: dict[str, Gauge] = {}

    class Place:
        def tally(self, name: str, read: object) -> None:
            found[name] = Gauge(read)  # type: ignore[arg-type]

        gauge = tally

    world = World(GOOD)
    world.put(3)
    world.exporter.gauges(Place())  # type: ignore[arg-type]
    assert {name: each.read() for name, each in found.items()} == {
        "sent": 0,
        "failed": 0,
        "retries": 0,
        "dropped": 0,
        "queue": 3,
    }


async def test_what_a_collector_refuses_of_a_batch_is_lost_and_counted(autojump_clock: MockClock) -> None:
    world = World(Answer(200, "quota", rejected=2), Answer(200, "quota", rejected=9), GOOD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        for batch in range(3):
            world.put(5, 5 * batch)
            await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert world.counts == (3 + 0 + 5, 2 + 5, 0, 0)
    assert len(world.collector.got) == 3
    assert [(event, fields["reason"], fields["spans"]) for event, fields in world.log] == [
        ("tracing.failed", "200 quota", 2)
    ]
