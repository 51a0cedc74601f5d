"""`python -m benchmarks.visibility`: what it costs to see each request, beside Envoy and HAProxy doing the like.

Each proxy runs as it comes and with everything on (`benchmarks.seen_proxies`), all in one rotation: as fast as it can,
and at half of the slowest one's rate, at which what is recorded is kept, and not dropped because a queue is full.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.__main__ import DOCS, machine
from benchmarks.cases import choose
from benchmarks.laboratory import Laboratory
from benchmarks.measure import Meter
from benchmarks.process import StartError
from benchmarks.proxies import PROXIES
from benchmarks.results import Report, Run
from benchmarks.rounds import run_all
from benchmarks.seen_proxies import EVERYTHING, PLAIN, SeenNodeRouter, watched
from benchmarks.summary import cell, ratio
from benchmarks.tables import disturbance, middle, place, spread, table
from benchmarks.topology import LOOPBACK

MARKERS: Final = ("<!-- visibility:begin -->", "<!-- visibility:end -->")
CASE: Final = "halfsame"
LOST: Final = ("spans_dropped", "tap_dropped_lines", "access_log_dropped_lines")
"""What a queue that was full has cost, of noderouter's metrics."""


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visibility", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="source", help="use a written report, measure nothing"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the table into docs/benchmarks.md")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a run failed, or 2 where nothing could be measured."""
    options = arguments().parse_args()
    try:
        report = Report.load(options.source) if options.source else measure(options.rounds, options.seconds)
    except (ValueError, OSError, StartError) as error:
        print(f"visibility: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, render(report), MARKERS)
    print(render(report))
    return 1 if any(run.errors for run in report.runs) else 0


def measure(rounds: int, seconds: int) -> Report:
    """Start all, run all rounds, stop all.

    Raises:
        ValueError: a tool is missing, or no proxy could be started.
        StartError: the backend did not come up.
    """
    if names := [each for each in ("wrk", "h2load", "nginx", "curl", "taskset") if shutil.which(each) is None]:
        raise ValueError(f"needs {' '.join(names)} (Debian: wrk nghttp2-client nginx curl util-linux)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(prefix="visibility-") as folder, ExitStack() as looking:
        laboratory = Laboratory(Path(folder), 0, 1, proxies=PROXIES | EVERYTHING)
        try:
            laboratory.open([name for pair in PLAIN.items() for name in reversed(pair)], 1)
            if not laboratory.targets:
                raise ValueError("no proxy could be started")
            admin = laboratory.admin_ports.get(SeenNodeRouter.name)
            if admin is not None:
                looking.enter_context(watched(admin, 1))
            meter = Meter(Path(folder), laboratory.map, 1, seconds)
            runs = run_all(meter, laboratory.targets, choose([CASE]), rounds, _progress)
            lost = {} if admin is None else lost_by(admin)
        finally:
            facts = laboratory.close()
    settings = {"rounds": rounds, "seconds": seconds, "lost": lost}
    return Report(datetime.now(UTC).date().isoformat(), machine(), settings, facts, runs)


def lost_by(admin_port: int) -> dict[str, float]:
    """Return what a router has lost of what it was to tell."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{admin_port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"noderouter_{name}_total"))
        for name in LOST
    }


def render(report: Report) -> str:
    """The facts, and one table for each case."""
    settings = report.settings
    versions = "\n".join(
        f"- {name}: {facts.version}" + (f" (not measured: {facts.missing})" if facts.missing else "")
        for name, facts in report.proxies.items()
    )
    facts = (
        f"Measured {report.date}: {settings['rounds']} rounds of {settings['seconds']} s for each.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    lost = f"noderouter lost: {json.dumps(settings['lost'])}." if settings["lost"] else ""
    cases = dict.fromkeys(run.case for run in report.runs)
    return "\n\n".join(filter(None, [facts, versions, *(_case(report, key) for key in cases), lost]))


def _case(report: Report, case: str) -> str:
    rows = []
    cells = [cell(report.runs, case, name) for name in report.proxies]
    for each in cells:
        if not each.rounds:
            continue
        plain = PLAIN.get(each.proxy)
        times = ratio(report.runs, case, each.proxy, plain, lambda run: run.cpu_us) if plain else None
        envoy = ratio(report.runs, case, each.proxy, "envoy, everything", lambda run: run.cpu_us)
        figures = [spread(each.cpu_us, digits=1), middle(each.rps), middle(each.p50_us), spread(each.p99_us)]
        rows.append([each.proxy, *figures, spread(times, digits=2), spread(envoy, digits=2)])
    columns = (
        "",
        "CPU µs/request",
        "requests/s",
        "p50 µs",
        "p99 µs",
        "CPU × as it comes",
        "× envoy, everything",
    )
    (title,) = (each.title for each in choose([case]) if each.key == case)
    return f"### `{case}`, seen: {title}\n\n{table(columns, rows)}{disturbance(cells)}"


def _progress(run: Run) -> None:
    cost = f"{run.cpu_us:7.1f} µs CPU" if run.cpu_us is not None else " " * 14
    errors = f"  ERRORS {run.errors}" if run.errors else ""
    print(
        f"{run.round + 1:3} {run.case:12} {run.proxy:24} {run.rps:8.0f}/s {cost}  foreign {run.foreign:.2f}{errors}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
