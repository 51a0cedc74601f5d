"""The simulation of all nodes in small: a real router, and the process that stands for the others."""

import os
import shutil
from dataclasses import replace

import pytest

from benchmarks import mesh
from benchmarks.mesh import Report, check, measure, render
from benchmarks.mesh_nodes import address, summary
from noderouter.admin.mesh.bounds import EDGES, ENDPOINTS, SERVICES
from noderouter.admin.mesh.checked import checked

CORES = sorted(os.sched_getaffinity(0))
REPORT = Report("2026-11-30", {"CPU": "some"}, 300, 60, 57_000, 0.01, 58.0, 0.05, 66.0, [400.0, 20.0], [301, 301], 1)


def test_each_node_says_as_much_as_one_may():
    found = checked(summary(7, 1))
    assert found.node == "worker-7"
    rows = (found.services, found.endpoints, found.edges)
    assert [len(each["outgoing"]) for each in rows][:2] == [SERVICES, ENDPOINTS]
    assert EDGES * 0.9 < len(found.edges["outgoing"]) <= EDGES
    assert len({address(number) for number in range(1000)}) == 1000


@pytest.mark.skipif(shutil.which("taskset") is None, reason="not installed: taskset")
def test_a_router_gathers_them(monkeypatch):
    monkeypatch.setattr(mesh, "EVERY_S", 0.2)
    report = measure(4, 1, (CORES[0], CORES[-1]))
    assert report.heard == [5] * 5
    assert report.rounds == 1
    assert report.most_mb >= report.idle_mb > 20
    assert report.idle_cpu >= 0
    assert report.cpu > 0


@pytest.mark.parametrize(
    ("different", "missed"),
    [
        ({}, []),
        ({"cpu": 0.07}, ["CPU <= 5% of a core"]),
        ({"most_mb": 79.0}, ["memory <= 20 MB"]),
        ({"heard": [301, 300]}, ["CPU <= 5% of a core", "every node in every look"]),
        ({"heard": []}, ["CPU <= 5% of a core", "every node in every look"]),
    ],
)
def test_bars(different, missed):
    assert [bar.title for bar in check(replace(REPORT, **different)) if not bar.passed] == missed


def test_a_report_is_a_table_and_survives_its_file(tmp_path):
    assert "| somebody looks | 5.0 | 66.0 | 210 | 400 |" in render(REPORT)
    file = tmp_path / "report.json"
    REPORT.save(file)
    assert Report.load(file) == REPORT
    file.write_text("{}")
    with pytest.raises(ValueError, match="not a report on all nodes"):
        Report.load(file)
