"""The bars that noderouter is held to: 14 headers, 32 connections, default configuration, all stats on.

A bar passes only on figures that exist: a missing peer or a run with errors fails it, with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.cases import CASES, RATE_BASE, Pace
from benchmarks.results import Report, Run
from benchmarks.summary import cell, ratio

US = "noderouter"
MAX_TIMES_ENVOY = 0.5
MAX_TIMES_HAPROXY = 1.3
MAX_RSS_MB = 60.0
MAX_READY_S = 0.6
HALF = next(case.key for case in CASES if case.pace is Pace.HALF_OWN)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `measured` is what was found, or why nothing was."""

    title: str
    measured: str
    passed: bool

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'FAIL'}  {self.title}: {self.measured}"


def check(report: Report) -> list[Bar]:
    """All bars, in the order of the issue they come from."""
    ours = report.proxies.get(US)
    rss = ours.rss_loaded_mb if ours else None
    ready = median(ours.ready_s) if ours and ours.ready_s else None
    return [
        times(report, RATE_BASE, "envoy", "CPU/request", MAX_TIMES_ENVOY, lambda run: run.cpu_us),
        times(report, RATE_BASE, "haproxy", "CPU/request", MAX_TIMES_HAPROXY, lambda run: run.cpu_us),
        _at_most(f"RSS after the load <= {MAX_RSS_MB:g} MB", rss, MAX_RSS_MB, "MB"),
        _at_most(f"ready in <= {MAX_READY_S:g} s", ready, MAX_READY_S, "s"),
        times(report, HALF, "envoy", "p99 at half load", 1.0, lambda run: run.p99_us),
    ]


def times(report: Report, case: str, peer: str, what: str, limit: float, figure: Callable[[Run], float | None]) -> Bar:
    """The bar that `figure` of ours is at most `limit` times the peer's, at the median of the rounds."""
    title = f"{case}: {what} <= {limit:g} x {peer}"
    for name in (US, peer):
        if errors := cell(report.runs, case, name).errors:
            return Bar(title, f"{name} had errors: {errors}", passed=False)
    found = ratio(report.runs, case, US, peer, figure)
    if found is None:
        return Bar(title, "not measured", passed=False)
    text = f"{found.middle:.2f} ({found.low:.2f}-{found.high:.2f})"
    return Bar(title, text, found.middle <= limit)


def _at_most(title: str, value: float | None, limit: float, unit: str) -> Bar:
    if value is None:
        return Bar(title, "not measured", passed=False)
    return Bar(title, f"{value:.3g} {unit}", value <= limit)
