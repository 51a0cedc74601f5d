"""`python -m benchmarks.fairness`: what others notice of a client who wants everything for himself.

A polite client asks for 100 bytes, up to two hundred times a second, on connections that are kept; its latency is
measured undisturbed and then beside each of the clients of `fairness_clients`, through noderouter and HAProxy in the
same run. The proxy has a core of its own. Backends and clients share the other, where the polite client and its own
backend go first (as root): what is measured is the wait in the proxy, not the one behind the greedy client's work.

What counts are ratios within one round: disturbed to undisturbed, and ours to HAProxy's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import backend, procfs, topology
from benchmarks.fairness_clients import KINDS, connected, request
from benchmarks.process import StartError
from benchmarks.proxies import PROXIES, Setup

QUIET = "undisturbed"
PAUSE_S = 0.005
CONNECTIONS = 4
POLITE_NICE, GREEDY_NICE = -20, 10


Found = dict[tuple[str, str], list[tuple[float, float, float]]]
"""By kind of client and proxy, for each round: median, 99th percentile and worst, in ms."""


def main() -> int:
    """Print a table; exit code 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement (default 4)")
    parser.add_argument("--proxies", default="noderouter,haproxy", help="which (default noderouter,haproxy)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which clients (default all)")
    options = parser.parse_args()
    kinds = [QUIET, *options.kinds.split(",")]
    found: Found = {}
    try:
        with ExitStack() as stack:
            ports = start(options.proxies.split(","), stack)
            for _ in range(options.rounds):
                for kind in kinds:
                    for name, (port, polite, greedy) in ports.items():
                        figures = measure(kind, port, polite, greedy, options.seconds)
                        found.setdefault((kind, name), []).append(figures)
    except (OSError, StartError) as error:
        print(f"fairness: {error}", file=sys.stderr)
        return 2
    print("p50 / p99 / worst in ms, medians over the rounds; in brackets the p99 to that of the undisturbed")
    for line in table(found, kinds, list(ports)):
        print(line)
    return 0


def start(names: list[str], stack: ExitStack) -> dict[str, tuple[int, str, str]]:
    """Start backends and the proxies; by proxy its port, and the hosts for the polite client and for the greedy one.

    Raises:
        StartError: one did not come up.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairness-")))
    first, *others = sorted(os.sched_getaffinity(0))
    plan = topology.build()
    core = others[0] if others else first
    polite = topology.Topology(plan.services[:1], plan.names[:1])
    rest = topology.Topology(plan.services[1:], tuple((name, index - 1) for name, index in plan.names[1:] if index))
    favour(stack.enter_context(backend.start(folder / "polite", polite, core)).pid, POLITE_NICE)
    stack.enter_context(backend.start(folder / "backend", rest, core))
    ports = {}
    for name in names:
        proxy = PROXIES[name]
        port, admin_port = topology.free_ports(2)
        setup = Setup(folder / name, plan, port, admin_port)
        setup.directory.mkdir()
        proxy.write(setup)
        process = stack.enter_context(proxy.start(setup, first))
        process.await_startup(proxy.ready_probe(setup), proxy.served_probe(setup))
        ports[name] = (port, plan.first_name, plan.names[1][0])
    if others:
        os.sched_setaffinity(0, others[:1])
    favour(os.getpid(), POLITE_NICE)
    return ports


def favour(pid: int, nice: int) -> None:
    """Give a process and its children another priority, where we may."""
    for each in procfs.tree(pid):
        try:
            os.setpriority(os.PRIO_PROCESS, each, nice)
        except PermissionError:
            return


def measure(kind: str, port: int, host: str, other: str, seconds: float) -> tuple[float, float, float]:
    """Median, 99th percentile and worst of the polite client, in ms, beside a client of that kind that asks `other`."""
    if kind == QUIET:
        return summary(be_polite(port, host, seconds))
    command = [sys.executable, "-m", "benchmarks.fairness_clients", kind, str(port), other, str(seconds + 1)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as greedy:
        favour(greedy.pid, GREEDY_NICE)
        assert greedy.stdout is not None
        greedy.stdout.readline()
        time.sleep(0.2)
        found = summary(be_polite(port, host, seconds))
        greedy.kill()
    time.sleep(0.3)
    return found


def be_polite(port: int, host: str, seconds: float) -> Iterator[float]:
    """Latencies in ms of requests, one after the other."""
    asked = request(host, "/x")
    socks = [connected(port) for _ in range(CONNECTIONS)]
    until = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < until:
        sock = socks[turn % CONNECTIONS]
        turn += 1
        begun = time.perf_counter()
        sock.sendall(asked)
        data = b""
        while not data.endswith(b"x" * 100):
            more = sock.recv(4096)
            if not more:
                raise OSError("the proxy closed a polite client's connection")
            data += more
        yield (time.perf_counter() - begun) * 1e3
        time.sleep(PAUSE_S)
    for sock in socks:
        sock.close()


def summary(latencies: Iterator[float]) -> tuple[float, float, float]:
    """Median, 99th percentile, worst."""
    ordered = sorted(latencies)
    return median(ordered), ordered[int(len(ordered) * 0.99)], ordered[-1]


def table(
    found: dict[tuple[str, str], list[tuple[float, float, float]]], kinds: list[str], names: list[str]
) -> list[str]:
    """A line for each kind of client."""
    lines = [f"{'':14}" + "".join(f"{name:>42}" for name in names)]
    for kind in kinds:
        cells = []
        for name in names:
            rounds = found[kind, name]
            p50, p99, worst = (median(each[index] for each in rounds) for index in range(3))
            ratio = median(each[1] / quiet[1] for each, quiet in zip(rounds, found[QUIET, name], strict=True))
            cells.append(f"{p50:.2f} / {p99:.2f} / {worst:.2f} ({ratio:.1f} x)".rjust(42))
        lines.append(f"{kind:14}" + "".join(cells))
    return lines


if __name__ == "__main__":
    sys.exit(main())
