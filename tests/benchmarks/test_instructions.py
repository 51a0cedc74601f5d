import pytest

from benchmarks.instructions import collected


def test_the_last_total_counts():
    report = "events: Ir\nfn=(1)\n1 5\n\ntotals: 120\nsummary: 948000\n"
    assert collected(report) == 948000


def test_a_report_without_a_total_is_none():
    with pytest.raises(RuntimeError, match="no total"):
        collected("events: Ir\n")
