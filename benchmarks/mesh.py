"""`python -m benchmarks.mesh`: what it costs a router to show all nodes, while somebody looks.

One process stands for 300 routers (`benchmarks.mesh_nodes`); a real one is asked for a view of all nodes every five
seconds, which is how often it asks them, and how often a browser asks it. CPU and memory are those of its process,
above what it takes while nobody looks.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from time import monotonic, sleep
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks import procfs
from benchmarks.__main__ import DOCS, machine
from benchmarks.bars import Bar
from benchmarks.mesh_nodes import address
from benchmarks.process import Probe, Process, StartError
from benchmarks.tables import place
from benchmarks.topology import LOOPBACK, free_ports

MARKERS: Final = ("<!-- mesh:begin -->", "<!-- mesh:end -->")
ROOT: Final = Path(__file__).parents[1]
EVERY_S: Final = 5.0
START_S: Final = 120.0
MAX_CPU: Final = 0.05
MAX_MB: Final = 20.0
VIEWS: Final = ("/", "/services", "/health")
"""Asked for in turn, as JSON: what a page in a browser does."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; CPU in cores."""

    date: str
    machine: dict[str, str]
    nodes: int
    seconds: int
    summary_bytes: int
    """Of one node."""
    idle_cpu: float
    idle_mb: float
    cpu: float
    """While somebody looks, all of it."""
    most_mb: float
    look_ms: list[float]
    """How long each look took, in order of time."""
    heard: list[int]
    """Nodes in the sums of each."""
    rounds: int
    """How often the others were asked meanwhile."""

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Report":
        """Read what `save` wrote.

        Raises:
            ValueError: the file is not a report.
        """
        try:
            return cls(**json.loads(file.read_text()))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is not a report on all nodes: {error!r}") from error


def check(report: Report) -> list[Bar]:
    """The bars of the gathering router; what it took for some nodes says nothing of all."""
    cpu, memory = report.cpu - report.idle_cpu, report.most_mb - report.idle_mb
    whole = bool(report.heard) and min(report.heard) == report.nodes + 1
    return [
        Bar(
            f"CPU <= {MAX_CPU:.0%} of a core",
            f"{cpu:.1%}{'' if whole else ', for some nodes'}",
            cpu <= MAX_CPU and whole,
        ),
        Bar(f"memory <= {MAX_MB:g} MB", f"{memory:.1f} MB", memory <= MAX_MB),
        Bar("every node in every look", f"{min(report.heard, default=0)} of {report.nodes + 1} at worst", whole),
    ]


def render(report: Report) -> str:
    """The facts, a table, and the bars."""
    facts = (
        f"Measured {report.date}: {report.nodes} nodes, each with a summary of {report.summary_bytes / 1000:.0f} KB; "
        f"a look every {EVERY_S:g} s for {report.seconds} s.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    took = sorted(report.look_ms) or [float("inf")]
    rows = (
        ("", "CPU, % of a core", "RSS, MB", "a look, ms: median", "worst"),
        ("---",) * 5,
        ("nobody looks", f"{report.idle_cpu:.1%}"[:-1], f"{report.idle_mb:.1f}", "–", "–"),
        ("somebody looks", f"{report.cpu:.1%}"[:-1], f"{report.most_mb:.1f}", f"{median(took):.0f}", f"{took[-1]:.0f}"),
    )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    bars = "\n".join(f"- {bar}" for bar in check(report))
    spent = 1000 * (report.cpu - report.idle_cpu) * report.seconds / max(1, report.rounds)
    asked = f"The others were asked {report.rounds} times; with the looks it was good for, a round"
    rounds = f"{asked} took {spent:.0f} ms of CPU."
    return f"{facts}\n\n{table}\n\n{rounds}\n\n### Bars of all nodes\n\n{bars}"


def measure(nodes: int, seconds: int, cores: tuple[int, int], seed: int = 1) -> Report:
    """Start everything, look, and stop it.

    Raises:
        StartError: something did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder, _nodes(nodes, cores[1], seed) as (port, size):
        admin, server = free_ports(2)
        file = Path(folder) / "router.json"
        file.write_text(json.dumps(_router(nodes, port, admin, server)))
        command = [sys.executable, "-m", "noderouter.cli", "run", str(file)]
        ready = Probe(admin, "/readyz", LOOPBACK)
        with Process(command, cores[0], Path(folder) / "router.log") as router:
            _await(router, ready)
            _look(admin, "/", "")  # what is imported and kept for a first look of one node is none of this
            sleep(EVERY_S)
            before, since = procfs.cpu(router.pid).total, monotonic()
            sleep(min(20.0, seconds))
            idle = (procfs.cpu(router.pid).total - before) / (monotonic() - since)
            idle_mb = procfs.rss_mb([router.pid])
            most, took, heard = idle_mb, [], []
            before, since = procfs.cpu(router.pid).total, monotonic()
            for number in range(max(1, round(seconds / EVERY_S))):
                ms, known = _look(admin, VIEWS[number % len(VIEWS)], "nodes=all&")
                took.append(ms)
                heard.append(known)
                most = max(most, procfs.rss_mb([router.pid]))
                sleep(max(0.0, since + (number + 1) * EVERY_S + 0.05 - monotonic()))
            cpu = (procfs.cpu(router.pid).total - before) / (monotonic() - since)
            rounds = _rounds(admin)
    date = datetime.now(UTC).date().isoformat()
    return Report(date, machine(), nodes, seconds, size, idle, idle_mb, cpu, most, took, heard, rounds)


def _await(router: Process, ready: Probe) -> None:
    """Wait for the router; longer than the other benchmarks do, since when it comes up is none of this."""
    until = monotonic() + START_S
    while not ready():
        if monotonic() > until or not router.alive:
            raise StartError(f"the router did not come up: {router.tail()}")
        sleep(0.05)


def _look(port: int, path: str, query: str) -> tuple[float, int]:
    """Ask for a view; return the milliseconds that it took, and the nodes in its sums."""
    start = monotonic()
    with urlopen(f"http://{LOOPBACK}:{port}{path}?{query}as=json", timeout=30) as answer:
        found = json.load(answer)
    took = 1000 * (monotonic() - start)
    node = str(found["router"]["node"])
    return took, int(node.split()[0]) if " node" in node else 0


def _rounds(port: int) -> int:
    with urlopen(f"http://{LOOPBACK}:{port}/admin/metrics.json?q=admin/peers", timeout=30) as answer:
        return int(json.load(answer)["rounds"])


def _router(nodes: int, port: int, admin: int, server: int) -> dict[str, Any]:
    peers = {"addresses": [f"{address(number)}:{port}" for number in range(nodes)]}
    router = {"protocol": "http", "label": "outgoing", "servers": [{"ip": LOOPBACK, "port": server}], "dtab": ""}
    return {"admin": {"ip": LOOPBACK, "port": admin, "peers": peers}, "routers": [router]}


@contextmanager
def _nodes(nodes: int, core: int, seed: int) -> Iterator[tuple[int, int]]:
    """Run the process that stands for them; yield its port, and the bytes of a summary."""
    argv = ["taskset", "-c", str(core), sys.executable, "-m", "benchmarks.mesh_nodes", str(nodes), str(seed)]
    with Popen(argv, stdout=PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline().split()
            if len(line) != 2:
                raise StartError("the process that stands for all nodes did not come up")
            yield int(line[0]), int(line[1])
        finally:
            process.kill()


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mesh", description=__doc__)
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=60, help="how long somebody looks (default 60)")
    parser.add_argument("--router-core", type=int, default=0)
    parser.add_argument("--other-core", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source", help="use a written report")
    parser.add_argument("--update-docs", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="print the bars; exit 1 where one is missed")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a bar was missed, or 2 where nothing could be measured."""
    options = arguments().parse_args()
    try:
        cores = (options.router_core, options.other_core)
        report = Report.load(options.source) if options.source else measure(options.nodes, options.seconds, cores)
    except (ValueError, OSError, URLError, StartError) as error:
        print(f"mesh: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, render(report), MARKERS)
    bars = check(report)
    print("\n".join(map(str, bars)) if options.check else render(report))
    return 1 if options.check and not all(bar.passed for bar in bars) else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    sys.exit(main())
