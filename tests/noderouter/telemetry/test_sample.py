"""What request statistics amount to; `test_tree` has the rest."""

from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.sample import Kind, of_requests


def test_statistics_without_requests_show_zeros() -> None:
    found = {path: (kind, value) for path, kind, value in of_requests(RequestStats(), ("x",), exn=True)}
    histogram = found.pop(("x", "request_latency_ms"))
    assert histogram[0] is Kind.HISTOGRAM
    assert found == {
        ("x", "requests"): (Kind.COUNTER, 0),
        ("x", "success"): (Kind.COUNTER, 0),
        ("x", "failures"): (Kind.COUNTER, 0),
        ("x", "pending"): (Kind.GAUGE, 0),
    }
