"""What request statistics amount to; `test_tree` has the rest."""

from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.sample import Kind, of_requests


def test_statistics_without_requests_show_zeros() -> None:
    found = {path: (kind, value) for path, kind, value in of_requests(RequestStats(), ("x",), whole=False)}
    histogram = found.pop(("x", "request_latency_ms"))
    assert histogram[0] is Kind.HISTOGRAM
    assert found == {
        ("x", "requests"): (Kind.COUNTER, 0),
        ("x", "success"): (Kind.COUNTER, 0),
        ("x", "failures"): (Kind.COUNTER, 0),
        ("x", "pending"): (Kind.GAUGE, 0),
    }


def test_servers_and_services_have_every_class_from_the_start() -> None:
    before = {path for path, _, _ in of_requests(RequestStats(), (), whole=False)}
    more = {path: value for path, kind, value in of_requests(RequestStats(), (), whole=True) if path not in before}
    names = ("1XX", "2XX", "3XX", "4XX", "5XX", "error")
    assert more == {("status", name): 0 for name in names}
    stats = RequestStats()
    stats.answered(503, 0.1, False)
    classes = {path[1]: value for path, _, value in of_requests(stats, (), whole=True) if path[0] == "status"}
    assert classes == {"1XX": 0, "2XX": 0, "3XX": 0, "4XX": 0, "5XX": 1, "503": 1, "error": 0}
