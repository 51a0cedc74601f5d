"""`python -m benchmarks.discovery`: what discovery costs, and how late the balancer hears of a change.

A router as it is deployed, with all of 5,000 Services known and some of them routed to, while 500 endpoints a second
change and traffic flows: memory, CPU, the delay from the change to the first request that goes to the new endpoint, and
what the traffic feels of it. Each round starts everything anew; the table shows medians with extremes.

On a machine that others use, `chrt --rr 1` in front of it (as root) has its processes scheduled before theirs.
"""

import argparse
import os
import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import trio

from benchmarks import discovery_results as results
from benchmarks.__main__ import DOCS, machine
from benchmarks.discovery_run import bind, phase
from benchmarks.discovery_site import ENDPOINTS, NAMESPACES, Scene, site
from benchmarks.process import StartError
from benchmarks.tables import place
from noderouter.run import flat

SETTLE_S = 3.0
MARKERS = ("<!-- discovery:begin -->", "<!-- discovery:end -->")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery", description=__doc__)
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--routed", type=int, nargs="+", default=[200, 1000], help="how many names are routed to")
    parser.add_argument("--rate", type=float, default=500, help="endpoint changes a second (default 500)")
    parser.add_argument("--rps", type=float, default=400, help="requests a second beside them (default 400)")
    parser.add_argument("--seconds", type=int, default=60, help="length of a phase (default 60)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--router-core", type=int, default=0)
    parser.add_argument("--other-core", type=int, default=1, help="the core of API, load and backend (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="source", help="use a written report, measure nothing"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="print the bars; exit 1 where one is missed")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a bar was missed, or 2 where nothing could be measured."""
    options = arguments().parse_args()
    report = None
    try:
        report = results.Report.load(options.source) if options.source else measure(options)
    except* (ValueError, OSError, RuntimeError, StartError) as group:
        print("\n".join(f"discovery: {error}" for error in flat(group)), file=sys.stderr)
    if report is None:
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, results.render(report), MARKERS)
    verdict = results.check(report)
    print("\n".join(map(str, verdict)) if options.check else results.render(report))
    return 1 if options.check and not all(bar.passed for bar in verdict) else 0


def measure(options: argparse.Namespace) -> results.Report:
    """All cases, round by round."""
    os.sched_setaffinity(0, {options.other_core})
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cases = []
    for number in range(options.rounds):
        for routed in options.routed:
            with tempfile.TemporaryDirectory(prefix="discovery-") as folder:
                scene = Scene(options.services, routed, options.router_core, options.other_core)
                cases.append(trio.run(_case, scene, number, options, Path(folder)))
    settings = {key: getattr(options, key) for key in ("services", "rate", "rps", "seconds", "rounds")}
    settings |= {"endpoints": ENDPOINTS, "namespaces": NAMESPACES, "policy": _policy()}
    return results.Report(datetime.now(UTC).date().isoformat(), machine(), settings, cases)


async def _case(scene: Scene, number: int, options: argparse.Namespace, folder: Path) -> results.Case:
    async with site(scene, folder) as there:
        idle_mb = there.router.rss_mb()
        bound_s = await bind(there)
        await trio.sleep(SETTLE_S)
        bound_mb = there.router.rss_mb()
        _progress(f"round {number + 1}: {scene.routed} bound in {bound_s:.1f} s, {idle_mb:.0f} -> {bound_mb:.0f} MB")
        phases = []
        for title, rate, first in (
            ("no changes", 0.0, 0),
            ("of all", options.rate, scene.services),
            ("of those routed", options.rate, len(scene.paths)),
        ):
            done = await phase(there, title, seconds=options.seconds, rps=options.rps, rate=rate, first=first)
            phases.append(done)
            _progress(f"  {_words(done)}")
    return results.Case(scene.services, scene.routed, number, idle_mb, bound_mb, bound_s, phases)


def _policy() -> str:
    """How we and our processes are scheduled."""
    real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return "real-time processes, before everybody else's" if real_time else "everybody else"


def _words(done: results.Phase) -> str:
    late = "/".join(f"{results.quantile(done.delays_ms, share):.1f}" for share in (0.5, 0.99, 1.0))
    changes = f"{done.changes:.0f}/s {done.title}, late {late} ms of {len(done.delays_ms)}, lost {done.lost}"
    load = f"traffic {done.load.rps:.0f}/s, p50 {done.load.p50_ms:.1f} p99 {done.load.p99_ms:.1f} ms"
    errors = f"{done.load.errors + done.failed} errors"
    told = [changes, f"API late {done.api_late_ms} ms"] if done.changes else [done.title]
    return "; ".join([*told, load, errors, f"CPU {done.cpu:.0%}", f"{done.rss_mb:.0f} MB", f"waited {done.waited:.0%}"])


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
