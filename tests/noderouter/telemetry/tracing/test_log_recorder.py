"""The access log on its way to a collector: which requests, and how much of them."""

from typing import Any

from noderouter.core.context import Trace
from noderouter.core.errors import ClientGone
from noderouter.core.exchange import Exchange
from noderouter.telemetry.metrics import Gauge
from noderouter.telemetry.recent import CUT
from noderouter.telemetry.tracing.exporter import LogExporter
from noderouter.telemetry.tracing.log_recorder import LONG, LogRecorder
from noderouter.telemetry.tracing.post import Collector
from noderouter.telemetry.tracing.queue import Queue
from noderouter.telemetry.tree import MetricsTree
from tests.testing.ended import STARTED, TRACE, ended

NOON = 1_732_276_800.0
HIGH = Trace((1 << 64) - 1, 2, 3)
"""The last that any share has."""


class Taken:
    """A recorder, and what it took."""

    def __init__(self, rate: float = 1.0, capacity: int = 100) -> None:
        exporter = LogExporter("test", Queue(capacity), lambda: lambda _records: b"", Collector("http://x/", "", {}))
        self.recorder = LogRecorder(exporter, rate, clock=lambda: STARTED + 1, wall=lambda: NOON)

    def end(self, exchange: Exchange, error: BaseException | None = None, trace: Trace = TRACE) -> None:
        self.recorder.ended(exchange, "out", trace, error)

    def records(self) -> list[dict[str, Any]]:
        return self.recorder.exporter.queue.take(100)


def test_it_takes_what_a_line_says() -> None:
    taken = Taken()
    taken.end(ended())
    (record,) = taken.records()
    assert (record["path"], record["status"], record["duration_ms"]) == ("/a?b=c", 200, 250.0)
    assert record["time"] == "2024-11-22T11:59:59.000Z"  # a second ago, by the other clock


def test_of_what_goes_well_a_share_is_taken_and_all_that_fails() -> None:
    taken = Taken(0.5)
    for number in range(64):
        taken.end(ended(), trace=Trace(number << 58, 2, 3))
    assert (len(taken.records()), taken.recorder.left_out) == (32, 32)
    taken.end(ended(status=500), trace=HIGH)
    taken.end(ended(status=None), ClientGone("left"), trace=HIGH)
    taken.end(ended(), ConnectionError(), trace=HIGH)
    assert [record["status"] for record in taken.records()] == [500, None, 200]


def test_what_waits_is_bounded() -> None:
    """Few records, of which no stranger makes a long one."""
    taken = Taken(capacity=3)
    for _ in range(5):
        taken.end(ended(target=b"/" + b"a" * 4000, authority=b"h" * 4000))
    tree = MetricsTree()
    taken.recorder.gauges(tree.scope("logs"))
    read = {name: scope.metric for name, scope in tree.scope("logs").children}
    assert isinstance(read["queue"], Gauge)
    assert taken.recorder.exporter.queue.dropped == 2
    for record in taken.records():
        assert record["path"] == "/" + "a" * (LONG - 1) + CUT
        assert record["authority"] == "h" * LONG + CUT
