"""`python -m benchmarks.tcp`: what it costs to carry bytes, beside HAProxy's and Envoy's TCP modes.

Streams, small messages, and connections that are opened and closed; noderouter gets them as it does on a node, captured
by rules of the packet filter. Needs root, for a network namespace of its own, and nft.

On a machine that others use, `nice -n -10` in front of it has its processes scheduled before theirs.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import tcp_results as results
from benchmarks.__main__ import DOCS, _list, _positive, machine
from benchmarks.measure import ATTEMPTS
from benchmarks.process import StartError
from benchmarks.results import ProxyFacts, Report, Run
from benchmarks.tables import place
from benchmarks.tcp_proxies import DIRECT, PROXIES
from benchmarks.tcp_run import CASES, Pace, choose, run_all
from benchmarks.tcp_site import Site, enter_namespace

MARKERS = ("<!-- tcp:begin -->", "<!-- tcp:end -->")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tcp", description=__doc__)
    parser.add_argument("--cases", type=_list, help="groups or keys, comma-separated, such as bulk,small@16")
    parser.add_argument("--proxies", type=_list, default=[*PROXIES, DIRECT], help="comma-separated")
    parser.add_argument("--rounds", type=_positive, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run (default 2)")
    parser.add_argument("--attempts", type=_positive, default=ATTEMPTS, help="at a run that others disturb (default 4)")
    parser.add_argument("--proxy-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1, help="the core of client and far end (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="source", help="use a written report, measure nothing"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the tables into docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="print the bars; exit 1 where one is missed")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a case failed or a bar was missed, or 2 where nothing could be measured."""
    options = arguments().parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # servers are stopped on the way
    try:
        report = Report.load(options.source) if options.source else measure(options)
    except (ValueError, OSError, StartError) as error:
        print(f"tcp: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, results.render(report), MARKERS)
    verdict = results.check(report)
    print("\n".join(map(str, verdict)) if options.check else results.render(report))
    failed = any(run.errors for run in report.runs)
    missed = options.check and not all(bar.passed for bar in verdict)
    return 1 if failed or missed else 0


def measure(options: argparse.Namespace) -> Report:
    """Start everything, run all rounds, stop everything.

    Raises:
        ValueError: the options do not fit this machine or each other.
        StartError: no namespace, or the far end did not come up.
    """
    wanted = results.BARRED if options.check else [case.key for case in CASES]
    cases = choose(options.cases or wanted)
    for name in options.proxies:
        if name not in PROXIES and name != DIRECT:
            raise ValueError(f"no proxy {name!r}; there are: {', '.join([*PROXIES, DIRECT])}")
    cores = os.sched_getaffinity(0)
    if not {options.proxy_core, options.load_core} <= cores:
        raise ValueError(f"cores {sorted(cores)} are usable here; choose with --proxy-core and --load-core")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {options.load_core})
    enter_namespace()
    with tempfile.TemporaryDirectory(prefix="tcp-") as folder:
        site = Site(Path(folder), options.proxy_core, options.load_core)
        try:
            site.open(options.proxies)
            for name, why in site.missing.items():
                print(f"without {name}: {why}", file=sys.stderr)
            runs = run_all(site.targets, cases, Pace(options.rounds, options.seconds, options.attempts), _progress)
        finally:
            site.close()
    facts = {name: ProxyFacts(version, site.missing.get(name)) for name, version in site.versions.items()}
    settings = {key: getattr(options, key) for key in ("rounds", "seconds", "attempts", "proxy_core", "load_core")}
    settings["nice"] = os.nice(0)
    return Report(datetime.now(UTC).date().isoformat(), machine(), settings, facts, runs)


def _progress(run: Run) -> None:
    cost = f"{run.cpu_us:7.1f} CPU" if run.cpu_us is not None else " " * 11
    latency = f"  p50 {run.p50_us:5.0f} p99 {run.p99_us:5.0f} µs" if run.p50_us and run.p99_us else ""
    errors = f"  ERRORS {run.errors}" if run.errors else ""
    line = f"{run.round + 1:3} {run.case:10} {run.proxy:22} {run.rps:8.0f}/s {cost}{latency}"
    print(f"{line}  foreign {run.foreign:.2f}{errors}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
