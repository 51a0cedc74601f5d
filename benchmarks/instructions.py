"""`python -m benchmarks.instructions`: what a request costs the whole process in user instructions.

`benchmarks.micro` counts parts, this counts everything between two sockets: reactor, parser, filters, balancer. Times
on a shared machine differ by a third from run to run, this by one in a hundred, so it shows what a change of the data
path is worth. Counting starts when everything is warm: names are bound, connections are open.

Needs valgrind and h2load. What the kernel does is not counted, so it says nothing about system calls.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks import backend, topology
from benchmarks.cases import USUAL_HEADERS
from benchmarks.process import Process, StartError
from benchmarks.proxies import PROXIES, Setup
from benchmarks.topology import LOOPBACK

COLLECTED: Final = re.compile(r"^(?:summary|totals): (\d+)$", re.MULTILINE)
START_LIMIT_S: Final = 120.0
"""Under valgrind everything takes fifty times as long."""
WARM: Final = 4000


def main() -> int:
    """Print instructions per request. Exit code 2 where nothing could be counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many are counted (default 20000)")
    parser.add_argument("--connections", type=int, default=32, help="client connections (default 32)")
    options = parser.parse_args()
    try:
        spent = count(options.requests, options.connections)
    except (StartError, OSError, RuntimeError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 2
    print(f"{spent / options.requests:.0f} instructions per request, {options.requests} requests counted")
    return 0


def count(requests: int, connections: int) -> int:
    """User instructions of the router's process for so many requests.

    Raises:
        RuntimeError: a tool is missing or failed; the message says why.
        StartError: backend or router did not come up.
    """
    for command in ("valgrind", "callgrind_control", "h2load"):
        if shutil.which(command) is None:
            raise RuntimeError(f"{command} is not installed (Debian: valgrind, nghttp2-client)")
    with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
        directory, out = Path(folder), Path(folder) / "callgrind.out"
        plan = topology.build()
        port, admin_port = topology.free_ports(2)
        setup = Setup(directory, plan, port, admin_port)
        proxy = PROXIES["noderouter"]
        proxy.write(setup)
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "noderouter.cli", "run", str(directory / "noderouter.yaml")]
        with (
            backend.start(directory / "backend", plan, 1),
            Process(command, 0, directory / "log") as router,
        ):
            served = proxy.served_probe(setup)
            while not served():
                if not router.alive or time.perf_counter() > router.started + START_LIMIT_S:
                    raise StartError(f"not up: {router.tail()}")
                time.sleep(0.2)
            load(port, plan.first_name, WARM, connections)
            control("--instr=on", router.pid)
            load(port, plan.first_name, requests, connections)
            control("--instr=off", router.pid)
        return collected(out.read_text())


def load(port: int, host: str, requests: int, connections: int) -> None:
    """Requests with the fourteen usual header fields, as fast as they are answered."""
    command = ["h2load", "--h1", "-t1", f"-c{connections}", "-m1", f"-n{requests}", "-H", f":authority: {host}"]
    for header in USUAL_HEADERS:
        command += ["-H", header]
    run([*command, f"http://{LOOPBACK}:{port}/x"])


def control(switch: str, pid: int) -> None:
    """Tell callgrind to start or to stop counting."""
    run(["callgrind_control", switch, str(pid)])


def run(command: list[str]) -> None:
    """Run a tool to its end."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-500:]}{done.stderr[-500:]}")


def collected(report: str) -> int:
    """The number of instructions in callgrind's report."""
    found = COLLECTED.findall(report)
    if not found:
        raise RuntimeError("callgrind has written no total")
    return int(found[-1])


if __name__ == "__main__":
    sys.exit(main())
