"""From a latency to a trace: which requests stand for the others of their bucket."""

from noderouter.core.context import Trace
from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.tracing.exemplars import exemplars
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.telemetry.tracing.test_recorder import SPAN, exchange, recorder


def shown(tree: MetricsTree) -> list[Exemplar]:
    return list((tree.scope("rt", "out", "service", "svc/hello").requests().exemplars or {}).values())


def test_a_recorded_request_stands_for_its_bucket() -> None:
    tree, recording = MetricsTree(), recorder()
    assert shown(tree) == []
    recording.shown = exemplars(tree)
    recording.ended(exchange(), "out", SPAN, None)
    (exemplar,) = shown(tree)
    assert (exemplar.trace_id, exemplar.seconds) == ("00000000000000010000000000000002", 2.0)
    assert exemplar.at > 1e9


def test_what_is_not_recorded_or_has_no_service_there_is_no_exemplar() -> None:
    tree, recording = MetricsTree(), recorder(failures=True, rate=0.0)
    tree.scope("rt", "out", "service", "svc/hello").requests()
    recording.shown = exemplars(tree)
    unsampled = exchange()
    unsampled.context = None
    recording.ended(unsampled, "out", Trace(2, 5, 4, 0, 1), None)
    nameless = exchange(503)
    nameless.name = None
    recording.ended(nameless, "out", SPAN, None)
    recording.ended(exchange(503), "in", SPAN, None)
    assert len(recording.queue.take(100)) == 2
    assert shown(tree) == []
    assert tree.child("rt", "in") is None
