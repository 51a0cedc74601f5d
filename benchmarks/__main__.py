"""`python -m benchmarks`: measure, print the tables, keep the figures, judge them by the bars."""

import argparse
import os
import platform
import resource
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import bars, procfs, tables
from benchmarks.cases import CASES, RATE_BASE, Case, choose
from benchmarks.laboratory import DIRECT, Laboratory
from benchmarks.measure import Meter
from benchmarks.process import StartError
from benchmarks.proxies import PROXIES
from benchmarks.results import Report, Run
from benchmarks.rounds import run_all

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks.md"
QUICK = {"rounds": 2, "seconds": 1, "starts": 1}
USUAL = {"rounds": 5, "seconds": 2, "starts": 5}
CHECKED = [RATE_BASE, bars.HALF]


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look: few rounds of 1 s, the bars' cases only")
    parser.add_argument("--cases", type=_list, help="groups or keys, comma-separated, such as head14,half or head1@16")
    parser.add_argument("--proxies", type=_list, default=[*PROXIES, DIRECT], help="comma-separated")
    parser.add_argument("--rounds", type=_positive, help=f"runs of each case and proxy (default {USUAL['rounds']})")
    parser.add_argument("--seconds", type=_positive, help=f"length of a run (default {USUAL['seconds']})")
    parser.add_argument("--starts", type=_positive, help=f"starts of each proxy (default {USUAL['starts']})")
    parser.add_argument("--proxy-core", type=int, default=0, help="the core of the proxies (default 0)")
    parser.add_argument("--load-core", type=int, default=1, help="the core of load and backend (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="source", help="use a written report, measure nothing"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the tables into docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="print the bars; exit 1 where one is missed")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a case failed or a bar was missed, or 2 where nothing could be measured."""
    parser = arguments()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # servers are stopped on the way
    try:
        report = Report.load(options.source) if options.source else measure(options)
    except (ValueError, OSError, StartError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        tables.update(DOCS, report)
    verdict = bars.check(report)
    print("\n".join(map(str, verdict)) if options.check else tables.render(report))
    failed = any(run.errors for run in report.runs)
    missed = options.check and not all(bar.passed for bar in verdict)
    return 1 if failed or missed else 0


def measure(options: argparse.Namespace) -> Report:
    """Start everything, run all rounds, stop everything.

    Raises:
        ValueError: the options do not fit this machine or each other.
        StartError: the backend did not come up.
    """
    cases = _chosen(options)
    for name in options.proxies:
        if name not in PROXIES and name != DIRECT:
            raise ValueError(f"no proxy {name!r}; there are: {', '.join([*PROXIES, DIRECT])}")
    cores = os.sched_getaffinity(0)
    if not {options.proxy_core, options.load_core} <= cores:
        raise ValueError(f"cores {sorted(cores)} are usable here; choose with --proxy-core and --load-core")
    defaults = QUICK if options.quick else USUAL
    settings = {key: getattr(options, key) or value for key, value in defaults.items()}
    settings |= {"proxy_core": options.proxy_core, "load_core": options.load_core}
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {options.load_core})
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        laboratory = Laboratory(Path(folder), options.proxy_core, options.load_core)
        try:
            laboratory.open(options.proxies, settings["starts"])
            for name, facts in laboratory.facts.items():
                if facts.missing:
                    print(f"without {name}: {facts.missing}", file=sys.stderr)
            if not laboratory.targets:
                raise ValueError("no proxy could be started")
            meter = Meter(Path(folder), laboratory.map, options.load_core, settings["seconds"])
            runs = run_all(meter, laboratory.targets, cases, settings["rounds"], _progress)
        finally:
            facts_of = laboratory.close()
    return Report(datetime.now(UTC).date().isoformat(), machine(), settings, facts_of, runs)


def _chosen(options: argparse.Namespace) -> tuple[Case, ...]:
    if options.cases:
        return choose(options.cases)
    return choose(CHECKED if options.quick or options.check else [case.key for case in CASES])


def machine() -> dict[str, str]:
    """What it runs on."""
    return {
        "CPU": f"{procfs.cpu_model()}, {os.cpu_count()} cores",
        "kernel": platform.release(),
        "Python": platform.python_version(),
    }


def _progress(run: Run) -> None:
    cost = f"{run.cpu_us:7.1f} µs CPU" if run.cpu_us is not None else " " * 14
    errors = f"  ERRORS {run.errors}" if run.errors else ""
    tries = f"  attempts {run.attempts}" if run.attempts > 1 else ""
    line = f"{run.round + 1:3} {run.case:12} {run.proxy:11} {run.rps:8.0f}/s {cost}  foreign {run.foreign:.2f}"
    print(line + tries + errors, file=sys.stderr, flush=True)


def _list(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


if __name__ == "__main__":
    sys.exit(main())
