"""`python -m benchmarks.http2`: what a request of HTTP/2 costs, beside HAProxy and Envoy, in CPU or in instructions.

h2load sends the usual fourteen fields; the path of each request is another one, so that not everything is an index. A
case is `way@connections x streams`. Rounds are in rotation, and ratios are taken within a round.

`--instructions` counts user instructions under callgrind instead: no noise, but no system calls either.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import http2_site, instructions
from benchmarks.cases import USUAL_HEADERS
from benchmarks.process import Process, StartError
from benchmarks.rounds import rotated
from benchmarks.topology import LOOPBACK

SHAPES: Final = ((4, 16), (16, 1), (1, 1))
PATHS: Final = 20_000
DONE: Final = re.compile(r"^requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded", re.MULTILINE)
START_LIMIT_S: Final = 120.0
LIMITS: Final = {(4, 16): (1.0, 1.2), (16, 1): (1.05, 1.25), (1, 1): (1.1, 1.35)}
"""Times HAProxy, by shape: the aim, and what must not be missed."""
TIMES_ENVOY: Final = 0.5
IDLE_S: Final = 3.0
"""For which a process is looked at without requests."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of load."""

    way: str
    connections: int
    streams: int

    @property
    def key(self) -> str:
        """How it is called."""
        return f"{self.way}@{self.connections}x{self.streams}"


CASES: Final = tuple(Case(way, *shape) for shape in SHAPES for way in http2_site.WAYS)


def main() -> int:
    """Exit code 1 where requests failed or a bar is missed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http2", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1, help="of one run")
    parser.add_argument("--proxies", default=",".join(http2_site.PROXIES))
    parser.add_argument("--cases", default=",".join(case.key for case in CASES))
    parser.add_argument("--instructions", type=int, metavar="REQUESTS", help="count instructions of so many requests")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="judge by the bars")
    options = parser.parse_args()
    cases = [case for case in CASES if case.key in options.cases.split(",")]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {1})
    try:
        with tempfile.TemporaryDirectory(prefix="http2-") as folder:
            found = run(Path(folder), options.proxies.split(","), cases, options)
    except (StartError, OSError, RuntimeError) as error:
        print(f"http2: {error}", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    return 1 if options.check and missed(found, cases) else 0


Found = dict[str, dict[str, list[float]]]
"""By case and proxy: µs of CPU, or instructions, for a request in each round."""


def run(folder: Path, names: list[str], cases: list[Case], options: argparse.Namespace) -> Found:
    """Start everything, and measure."""
    paths = folder / "paths"
    paths.write_text("".join(f"http://{http2_site.NAME}/x?id={number}\n" for number in range(PATHS)))
    ports = http2_site.endpoints()
    found: Found = {case.key: {name: [] for name in names} for case in cases}
    with ExitStack() as running:
        running.enter_context(http2_site.start_endpoints(folder / "endpoints", ports, 1))
        places = {name: http2_site.site(folder / name, ports) for name in names}
        counted = options.instructions
        processes: dict[str, Process] = {}
        for name in names:
            command = http2_site.PROXIES[name](places[name])
            if counted:
                out = places[name].folder / "callgrind.out"
                command = [
                    "valgrind",
                    "--tool=callgrind",
                    "--instr-atstart=no",
                    f"--callgrind-out-file={out}",
                    *command,
                ]
            processes[name] = running.enter_context(Process(command, 0, places[name].folder / "log"))
            for way in http2_site.WAYS:
                await_served(processes[name], places[name].ports[way], paths)
        for number in range(1 if counted else options.rounds):
            for case in cases:
                for name in rotated(names, number):
                    port = places[name].ports[case.way]
                    if counted:
                        value = count(processes[name], places[name].folder, port, case, paths, counted)
                    else:
                        value = cpu(processes[name], port, case, paths, options.seconds)
                    found[case.key][name].append(value)
                    print(f"{number + 1:3} {case.key:9} {name:11} {value:9.1f}", file=sys.stderr, flush=True)
    return found


def await_served(process: Process, port: int, paths: Path) -> None:
    """Wait until a request is answered."""
    while True:
        if not process.alive or time.perf_counter() > process.started + START_LIMIT_S:
            raise StartError(f"not up: {process.tail()}")
        try:
            load(port, Case("", 1, 1), paths, requests=1)
            return
        except RuntimeError:
            time.sleep(0.05)


def cpu(process: Process, port: int, case: Case, paths: Path, seconds: int) -> float:
    """µs of CPU for a request."""
    load(port, case, paths, requests=200)
    before = process.cpu()
    requests = load(port, case, paths, seconds=seconds)
    return (process.cpu() - before).total / requests * 1e6


def count(process: Process, folder: Path, port: int, case: Case, paths: Path, requests: int) -> float:
    """User instructions for a request.

    What the clock has the process do anyway is taken off: a second under callgrind has far fewer requests.
    """
    load(port, case, paths, requests=4000)
    idle, seconds = counted(process, folder, lambda: time.sleep(IDLE_S))
    busy, spent = counted(process, folder, lambda: load(port, case, paths, requests=requests))
    return (busy - idle / seconds * spent) / requests


def counted(process: Process, folder: Path, work: Callable[[], object]) -> tuple[int, float]:
    """User instructions, and seconds, while something is done."""
    instructions.control("--zero", process.pid)
    instructions.control("--instr=on", process.pid)
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    instructions.control("--instr=off", process.pid)
    for old in folder.glob("callgrind.out*"):
        old.unlink()
    instructions.control("--dump", process.pid)
    dumps = sorted(folder.glob("callgrind.out*"))
    return sum(instructions.collected(dump.read_text()) for dump in dumps), seconds


def load(port: int, case: Case, paths: Path, requests: int = 0, seconds: int = 0) -> int:
    """Send requests, and return how many were answered."""
    command = ["h2load", "-t1", f"-c{case.connections}", f"-m{case.streams}", f"--input-file={paths}"]
    command += [f"--connect-to={LOOPBACK}:{port}", f"-n{requests}" if requests else f"-D{seconds}"]
    for header in USUAL_HEADERS:
        command += ["-H", header]
    done = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True, check=False, timeout=300)
    totals = DONE.search(done.stdout)
    if totals is None or int(totals[2]) == 0 or (requests and int(totals[2]) != requests):
        raise RuntimeError(f"h2load: {done.stdout[-600:]}{done.stderr[-300:]}")
    return int(totals[2])


def ratios(found: Found, key: str, peer: str) -> list[float]:
    """Ours over a peer's, by round."""
    return [
        ours / theirs for ours, theirs in zip(found[key].get("noderouter", []), found[key].get(peer, []), strict=False)
    ]


def table(found: Found) -> str:
    """Medians, and the ratios to the peers."""
    lines = []
    for key, by_name in found.items():
        words = [f"{name} {median(values):.1f}" for name, values in by_name.items() if values]
        paired = {peer: ratios(found, key, peer) for peer in ("haproxy", "envoy")}
        words += [
            f"x {peer} {median(each):.2f} ({min(each):.2f}-{max(each):.2f})" for peer, each in paired.items() if each
        ]
        lines.append(f"{key:9} " + ", ".join(words))
    return "\n".join(lines)


def missed(found: Found, cases: list[Case], out: Callable[[str], None] = print) -> bool:
    """Print what is over its bar; whether anything is."""
    over = False
    for case in cases:
        aim, floor = LIMITS[case.connections, case.streams]
        for peer, limit in (("haproxy", aim), ("haproxy", floor), ("envoy", TIMES_ENVOY)):
            each = ratios(found, case.key, peer)
            if each and median(each) > limit and (peer != "envoy" or case.streams > 1):
                out(f"FAIL  {case.key}: {median(each):.2f} x {peer}, {limit:g} wanted")
                over = True
    return over


if __name__ == "__main__":
    sys.exit(main())
