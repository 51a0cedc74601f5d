"""The benchmark of looking: its router tells how long it was held, and its report is held to its bars.

Covers `looking_browser.py`, `looking_results.py`, `looking_router.py`.
"""

import shutil
from dataclasses import replace

import pytest

from benchmarks import looking
from benchmarks.looking_results import POLLED, Page, Report, check, render
from benchmarks.looking_router import HOST, Holds

SEEN = dict.fromkeys(("memory_mb", "memory_begin_mb", "memory_most_mb"), 90.0)
SEEN |= {"sort_ms": 20.0, "open_ms": 60.0, "load_ms": 120.0}


def report(held_s: float = 0.002, cpu_s: float = 0.04, **seen: float) -> Report:
    pages = [Page(path, "json", 1000, held_s, cpu) for path in POLLED for cpu in (cpu_s, cpu_s, 9.0)]
    browser = SEEN | {"click_ms": 60.0, "refresh_ms": 5.0} | seen
    return Report(
        "2026-11-30", {"CPU": "one"}, {"rounds": 3, "scraped": 1000, "shown": 300, "minutes": 60}, pages, browser
    )


def test_bars() -> None:
    assert all(bar.passed for bar in check(report()))
    assert [bar.title for bar in check(report(held_s=0.006)) if not bar.passed] == ["held <= 5 ms"]
    assert len([bar for bar in check(report(cpu_s=0.06)) if not bar.passed]) == len(POLLED)
    missed = [bar.measured for bar in check(report(memory_most_mb=151.0, click_ms=101.0)) if not bar.passed]
    assert missed == ["151 MB", "101 ms"]
    assert not any(bar.passed for bar in check(replace(report(), pages=[], browser={})))


def test_the_tables() -> None:
    text = render(report())
    assert "| `/graph?n=100` | json | 1 | 40.0 | 2.00 |" in text
    assert "for 60 minutes" in text
    assert "In Chromium" not in render(replace(report(), browser={}))


def test_a_report_is_read_as_it_was_written(tmp_path) -> None:
    report().save(tmp_path / "file")
    assert Report.load(tmp_path / "file") == report()
    (tmp_path / "file").write_text("{}")
    with pytest.raises(ValueError, match="not a report"):
        Report.load(tmp_path / "file")


def test_a_turn_is_what_tasks_that_answer_take_between_two_looks(monkeypatch) -> None:
    now = 0.0
    monkeypatch.setattr("benchmarks.looking_router.thread_time", lambda: now)
    holds = Holds()

    class Task:
        def __init__(self, name: str) -> None:
            self.name = name

    def step(name: str, seconds: float) -> None:
        nonlocal now
        holds.before_task_step(Task(name))  # type: ignore[arg-type]
        now += seconds
        holds.after_task_step(Task(name))  # type: ignore[arg-type]

    holds.after_io_wait(0.0)
    step("hypercorn.a", 1.0)
    step("noderouter.memory.keep_settled", 50.0)
    step("hypercorn.b", 2.0)
    step(HOST, 70.0)
    step("hypercorn.a", 2.5)
    holds.after_io_wait(0.0)
    step("hypercorn.a", 2.0)
    assert holds.taken()["held_s"] == 3.0
    assert holds.taken()["held_s"] == 0.0


@pytest.mark.slow
def test_a_small_router_is_looked_at() -> None:
    if any(shutil.which(tool) is None for tool in looking.TOOLS):
        pytest.skip(f"needs {looking.TOOLS}")
    with looking.routing(3) as router:
        (page,) = looking.asked(router, "/services?n=100", "json", 1, 0.0)
        told = router.told()
    assert page.size > 500
    assert 0 < page.held_s < 5
    assert told["cpu_s"] > 0
