"""`python -m benchmarks.intercept`: how long a node takes to capture a pod, and to let go when the router dies.

On nodes in network namespaces with everything real on them: API server, router, keeper, rules of each kind. Needs root,
and the commands of `make cluster-tools`.
"""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import intercept_results as results
from benchmarks.__main__ import DOCS, machine
from benchmarks.tables import place
from tests.cluster.binaries import MissingCommand
from tests.cluster.controlplane import ControlPlane
from tests.intercept import measure
from tests.intercept.world import BACKENDS, Variant, World, world_of
from tests.testing.pod_network import missing

MARKERS = ("<!-- intercept:begin -->", "<!-- intercept:end -->")

MEASURES: dict[str, Callable[[World], measure.Taken]] = {
    "new pod": measure.new_pod,
    "opted in": lambda world: measure.labelled(world, "enabled", "routed"),
    "opted out": lambda world: measure.labelled(world, "disabled", "direct"),
    "drained": measure.drained,
    "killed": measure.router_killed,
    results.OPEN: measure.both_killed,
    "hangs": measure.router_hangs,
}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intercept", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="on each kind of node (default 5)")
    parser.add_argument("--kinds", nargs="+", choices=[each.kind for each in BACKENDS], help="of rules (default: all)")
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
    try:
        report = results.Report.load(options.source) if options.source else run(options)
    except (ValueError, OSError, MissingCommand) as error:
        print(f"intercept: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, results.render(report), MARKERS)
    verdict = results.check(report)
    print("\n".join(map(str, verdict)) if options.check else results.render(report))
    return 1 if options.check and not all(bar.passed for bar in verdict) else 0


def run(options: argparse.Namespace) -> results.Report:
    """Make a node of each kind, one after the other, and measure on it.

    Raises:
        ValueError: this machine cannot have such nodes.
        MissingCommand: the API server is not built.
    """
    if os.geteuid() != 0:
        raise ValueError("network namespaces need root")
    if names := missing():
        raise ValueError(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    runs: list[results.Run] = []
    with ControlPlane() as plane:
        for variant in BACKENDS:
            if variant.kind in (options.kinds or [each.kind for each in BACKENDS]):
                with world_of(plane, variant) as world:
                    for _ in range(options.rounds):
                        runs += [_measured(world, variant, key) for key in MEASURES]
    date = datetime.now(UTC).date().isoformat()
    return results.Report(date, machine(), {"rounds": options.rounds}, runs)


def _measured(world: World, variant: Variant, key: str) -> results.Run:
    taken = MEASURES[key](world)
    made = results.Run(variant.kind, key, taken.seconds, len(taken.requests), taken.failed)
    print(f"{made.kind:16} {made.case:12} {made.seconds * 1000:6.0f} ms, {made.failed} failed", file=sys.stderr)
    return made


if __name__ == "__main__":
    sys.exit(main())
