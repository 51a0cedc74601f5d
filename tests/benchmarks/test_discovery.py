"""The measurement of discovery in small: a real router, a fake API, real backends and load."""

import os
import shutil

import pytest
import trio

from benchmarks.discovery_results import Case, Load, Phase, Report, check, quantile, render
from benchmarks.discovery_run import bind, phase
from benchmarks.discovery_site import PROBES, Scene, site

MISSING = [name for name in ("nginx", "h2load", "taskset") if shutil.which(name) is None]
CORES = sorted(os.sched_getaffinity(0))


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
async def test_changes_reach_the_balancer_and_no_request_fails(tmp_path):
    scene = Scene(40, PROBES + 20, CORES[0], CORES[-1])
    with trio.fail_after(60):
        async with site(scene, tmp_path) as there:
            await bind(there)
            done = await phase(there, "of all", seconds=2, rps=50, rate=100, first=40)
    assert done.changes > 50
    assert done.connections == 11  # of ten namespaces, and of all Services
    assert len(done.delays_ms) >= 4
    assert done.lost == done.failed == done.load.errors == 0
    assert 0 < done.delays_ms[0] <= quantile(done.delays_ms, 0.99)
    assert done.cpu > 0
    assert 20 < done.rss_mb < 120


def report(**different):
    usual = {
        "title": "of all", "changes": 500.0, "api_late_ms": 1.0, "connections": 11, "delays_ms": [1.0, 2.0, 99.0],
        "lost": 0, "load": Load(400.0, 1.0, 2.0, 0), "failed": 0, "cpu": 0.1, "rss_mb": 75.0, "waited": 0.02,
    }  # fmt: skip
    still = Phase(**usual | {"title": "no changes", "changes": 0.0, "delays_ms": []})
    case = Case(5000, 200, 0, 53.0, 71.0, 1.0, [still, Phase(**usual | different)])
    settings = {"services": 5000, "endpoints": 10, "namespaces": 10, "rounds": 1, "seconds": 60, "rps": 400.0}
    return Report("2026-11-25", {"CPU": "some"}, settings | {"policy": "everybody else"}, [case])


@pytest.mark.parametrize(
    ("different", "missed"),
    [
        ({}, []),
        ({"lost": 1}, ["no error"]),
        ({"failed": 1}, ["no error"]),
        ({"load": Load(400.0, 1.0, 2.0, 3)}, ["no error"]),
        ({"rss_mb": 121.0}, ["RSS <= 120 MB"]),
        ({"delays_ms": [1.0, 101.0]}, ["event to balancer, p99 <= 100 ms"]),
        ({"delays_ms": []}, ["event to balancer, p99 <= 100 ms"]),
    ],
)
def test_bars(different, missed):
    found = [bar.title for bar in check(report(**different)) if not bar.passed]
    assert len(found) == len(missed)
    assert all(words in title for words, title in zip(missed, found, strict=True))


def test_a_table_with_and_without_changes():
    text = render(report())
    assert "| 200 | no changes | 75 | 10 | – | – | – | 1.0 | 2.0 | 2.0 |" in text
    assert "| 200 | 500/s of all | 75 | 10 | 2.0 | 99.0 | 99.0 | 1.0 | 2.0 | 2.0 |" in text
    assert "- pass  200 routed: no error: 0 errors" in text


def test_a_report_survives_its_file(tmp_path):
    file = tmp_path / "report.json"
    report().save(file)
    assert Report.load(file) == report()
    file.write_text("{}")
    with pytest.raises(ValueError, match="not a report on discovery"):
        Report.load(file)
