"""All recorders of a process: begun, shown in the metrics, and flushed together."""

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from noderouter.core.propagation.sampler import Sampler
from noderouter.telemetry import log
from noderouter.telemetry.tracing.event_recorder import EventRecorder
from noderouter.telemetry.tracing.exporter import EventExporter, LogExporter, SpanExporter
from noderouter.telemetry.tracing.exports import Exports
from noderouter.telemetry.tracing.log_recorder import LogRecorder
from noderouter.telemetry.tracing.post import Answer, Collector
from noderouter.telemetry.tracing.queue import Queue, SpanQueue
from noderouter.telemetry.tracing.recorder import SpanRecorder
from noderouter.telemetry.tree import MetricsTree


class Slow(Collector):
    """Takes what comes, each batch in half a second."""

    async def post(self, body: bytes) -> Answer:
        await trio.sleep(0.5)
        return Answer(200)


def encode(_items: Sequence[object]) -> bytes:
    return b""


async def at_once(_what: object, _items: Sequence[object]) -> bytes:
    return b""


async def test_all_are_begun_shown_and_flushed_at_the_same_time(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    collector = Slow("http://collector.test/", "", {})
    spans = SpanRecorder(Sampler(1.0, False), SpanExporter("a", SpanQueue(), lambda: encode, collector))
    lines = LogRecorder(LogExporter("b", Queue(10), lambda: encode, collector))
    events = EventRecorder(EventExporter("c", Queue(10), lambda: encode, collector))
    tree, exports = MetricsTree(), Exports([spans, lines, events])
    for recorder in (spans, lines, events):
        recorder.exporter._in_thread = at_once  # type: ignore[assignment]
    exports.begin(nursery.start_soon, tree, lambda *_: None)
    assert spans.shown is not None
    await trio.testing.wait_all_tasks_blocked()
    log.listeners(None, "info", {"event": "a.b", "level": "info"})
    lines.exporter.queue.put({})
    assert [tree.number("telemetry", each, "queue") for each in "abc"] == [0, 1, 1]
    began = trio.current_time()
    await exports.flush(5.0)
    assert trio.current_time() - began < 0.6
    assert [tree.number("telemetry", each, "sent") for each in "abc"] == [0, 1, 1]
