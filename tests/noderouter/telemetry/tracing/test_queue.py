"""Where spans wait: the newest stay, and what leaves is counted.

Covers `span.py`.
"""

from noderouter.telemetry.tracing.queue import SpanQueue
from noderouter.telemetry.tracing.span import Span, SpanKind


def span(number: int) -> Span:
    return Span((0, 1, number, 0), SpanKind.SERVER, "GET", "out", (1, 2), tuple)


def test_spans_leave_in_order_so_many_at_most() -> None:
    queue = SpanQueue()
    for number in range(5):
        queue.put(span(number))
    assert [each.span_id for each in queue.take(3)] == [0, 1, 2]
    assert [each.span_id for each in queue.take(3)] == [3, 4]
    assert queue.take(3) == []


def test_the_oldest_is_dropped_and_counted() -> None:
    queue = SpanQueue(3)
    for number in range(5):
        queue.put(span(number))
    assert (len(queue), queue.dropped) == (3, 2)
    assert [each.span_id for each in queue.take(9)] == [2, 3, 4]


def test_a_span_says_what_it_is() -> None:
    assert repr(Span((0, 1, 2, 3), SpanKind.CLIENT, "GET", "out", (1, 2), tuple)) == (
        "<Span CLIENT GET 0000000000000002 below 0000000000000003>"
    )
