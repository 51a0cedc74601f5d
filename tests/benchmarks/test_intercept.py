"""The benchmark of interception: its report, its table and its bars. What it measures is tested in tests/intercept."""

import dataclasses

import pytest

from benchmarks import intercept
from benchmarks.intercept_results import CASES, Report, Run, check, render


def report(**seconds: float) -> Report:
    """Two rounds on one kind of node: each case takes half of what it may, unless `seconds` says otherwise."""
    runs = [
        Run("nftables", case.key, seconds.get(case.key, case.bar / 2) + late, 100, 7 if case.may_fail else 0)
        for case in CASES
        for late in (0.0, 0.1)
    ]
    return Report("2026-11-26", {"CPU": "one"}, {"rounds": 2}, runs)


def test_every_case_is_measured():
    assert list(intercept.MEASURES) == [case.key for case in CASES]


def test_the_table_has_spreads_and_failures():
    text = render(report())
    assert "| a pod runs → its first captured connection | 550 (500–600) |" in text
    assert "7 of 100 requests failed" in text
    assert text.count("pass") == len(CASES) + 1


def test_bars_fail_by_the_worst_round_and_by_requests_that_failed():
    late = [bar for bar in check(report(killed=2.95)) if not bar.passed]
    assert [bar.measured for bar in late] == ["3.05 s at worst in 2 rounds"]
    whole = report()
    broken = dataclasses.replace(whole, runs=[dataclasses.replace(run, failed=1) for run in whole.runs])
    assert [bar.measured for bar in check(broken) if not bar.passed] == [f"{2 * 5} requests failed"]
    assert not any(bar.passed for bar in check(dataclasses.replace(whole, runs=[]))[:-1])


def test_a_report_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "report.json"
    report().save(file)
    assert Report.load(file) == report()
    file.write_text("[]")
    with pytest.raises(ValueError, match="not a report"):
        Report.load(file)
