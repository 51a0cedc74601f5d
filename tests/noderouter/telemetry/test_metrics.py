"""What one call per request amounts to."""

from noderouter.core.errors import ConnectError
from noderouter.core.exchange import Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.telemetry.metrics import EXCEPTION_LIMIT, STATUS_LIMIT, Counter, RequestStats
from tests.testing.reply import make_exchange


def test_an_exchange_counts_as_it_ended() -> None:
    stats = RequestStats()
    exchange = make_exchange()
    stats.record(exchange, None, 0.1)  # cancelled before there was anything to say
    assert stats.requests == 0
    exchange.response = Response(404, b"Not Found", Headers(), 0)
    exchange.verdict = Verdict.SUCCESS
    stats.record(exchange, None, 0.1)
    exchange.verdict = Verdict.RETRYABLE
    stats.record(exchange, None, 0.1)
    stats.record(exchange, ConnectError("refused"), 0.1)  # which counts, and not the response of an attempt before
    assert (stats.statuses, stats.exceptions, stats.success) == ({404: 2}, {"ConnectError": 1}, 1)


def test_a_counter_counts() -> None:
    counter = Counter()
    counter.add()
    counter.add(4)
    assert counter.value == 5
    assert repr(counter) == "<Counter 5>"


def test_a_record_says_requests_success_status_and_latency() -> None:
    stats = RequestStats()
    stats.answered(200, 0.001, True)
    stats.answered(204, 0.002, True)
    stats.answered(503, 0.004, False)
    assert (stats.requests, stats.success, stats.failures, stats.errors) == (3, 2, 1, 0)
    assert stats.statuses == {200: 1, 204: 1, 503: 1}
    assert {digit: part.total_count for digit, part in stats.classes.items()} == {2: 2, 5: 1}
    assert stats.latency().total_sum == 0.007


def test_the_verdict_counts_not_the_status() -> None:
    stats = RequestStats()
    stats.answered(200, 0.001, False)
    stats.answered(500, 0.001, True)
    assert (stats.success, stats.failures) == (1, 1)


def test_record_keeps_the_histogram_as_its_add_would() -> None:
    stats = RequestStats()
    for seconds in (0.2, 0.1, 0.3):
        stats.answered(200, seconds, True)
    stats.roll()
    window = stats.classes[2].window
    assert window is not None
    assert (window.count, window.low, window.high, window.sum) == (3, 0.1, 0.3, 0.2 + 0.1 + 0.3)


def test_exceptions_count_as_requests_and_failures_without_status() -> None:
    stats = RequestStats()
    stats.failed("ConnectError", 0.5)
    stats.failed("ConnectError", 0.5)
    assert (stats.requests, stats.success, stats.failures, stats.errors) == (2, 0, 2, 2)
    assert stats.statuses == {}
    assert stats.exceptions == {"ConnectError": 2}
    assert stats.latency().total_count == 2


def test_invented_status_codes_are_bounded() -> None:
    stats = RequestStats()
    for status in range(100, 1000):
        stats.answered(status, 0.001, True)
    assert len(stats.statuses) == STATUS_LIMIT + 1
    assert stats.requests == 900
    assert stats.statuses[0] == 900 - STATUS_LIMIT


def test_invented_exception_names_are_bounded() -> None:
    stats = RequestStats()
    for n in range(1000):
        stats.failed(f"E{n}", 0.001)
    assert len(stats.exceptions) == EXCEPTION_LIMIT + 1
    assert stats.requests == 1000


def test_absorbing_is_adding() -> None:
    one, other = RequestStats(), RequestStats()
    one.answered(200, 0.25, True)
    one.pending = 1
    other.answered(200, 0.5, True)
    other.answered(404, 0.5, True)
    other.failed("ConnectError", 1.0)
    other.pending = 2
    other.roll()
    one.absorb(other)
    assert (one.requests, one.failures, one.pending) == (4, 1, 3)
    assert one.statuses == {200: 2, 404: 1}
    assert one.latency().total_sum == 2.25
    assert repr(one) == "<RequestStats requests=4 failures=1 pending=3>"
    one.absorb(other)
    assert one.exceptions == {"ConnectError": 2}


def test_a_slot_is_what_was_counted_since_the_one_before() -> None:
    stats = RequestStats()
    assert stats.slot().requests == 0
    stats.answered(200, 0.010, True)
    stats.answered(503, 0.020, False)
    slot = stats.slot()
    assert (slot.requests, slot.failures, len(list(slot.pairs()))) == (2, 1, 2)
    stats.failed("ConnectError", 0.010)
    slot = stats.slot()
    assert (slot.requests, slot.failures, [count for _, count in slot.pairs()]) == (1, 1, [1])
    stats.roll()
    assert stats.slot().requests == 0
    stats.answered(200, 0.010, True)
    assert [count for _, count in stats.slot().pairs()] == [1]


def test_what_is_inherited_is_told_once() -> None:
    heir, gone = RequestStats(), RequestStats()
    heir.answered(200, 0.010, True)
    gone.answered(200, 0.010, False)
    assert (heir.slot().requests, gone.slot().requests) == (1, 1)
    gone.answered(200, 0.020, False)
    heir.inherit(gone)
    slot = heir.slot()
    assert (slot.requests, slot.failures, [count for _, count in slot.pairs()]) == (1, 1, [1])
    fresh = RequestStats()
    fresh.inherit(heir)
    assert fresh.slot().requests == 0
