"""What is left of those that have gone."""

from noderouter.telemetry.gone import Gone
from noderouter.telemetry.metrics import RequestStats


def test_totals_of_several_add_up() -> None:
    stats = RequestStats()
    stats.answered(200, 0.1, True)
    stats.answered(503, 0.1, False)
    stats.failed("ConnectError", 0.1)
    gone, other = Gone(), Gone()
    gone.add(stats)
    other.merge(gone)
    other.add(stats)
    assert other.classes == {"2xx": 2, "5xx": 2, "error": 2}
    assert repr(other) == "<Gone requests=6 failures=4>"
    assert repr(gone) == "<Gone requests=3 failures=2>"
