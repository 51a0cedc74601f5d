"""`python -m benchmarks.soak`: hostile traffic in bounded amount, and whether the router stays flat under it.

Starts its own backend and router with 10,000 names, or is pointed at a router that runs on this machine
(`--port`, `--pid`). While the clients of `soak_clients` and the values of `soak_values` do their worst, a polite client
asks for one name all the time and must always be served, and memory, descriptors and tasks of the process are sampled.

The verdict compares the second quarter of the run (the first fills caches) with the last: memory must not have grown by
more than `--grow-mb`, every polite request must have been answered with 200, no response may have had bytes of
another, and the process must live.
"""

import argparse
import os
import resource
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic

import trio

from benchmarks import backend, topology
from benchmarks.process import StartError
from benchmarks.proxies import PROXIES, Setup
from benchmarks.soak_clients import Asked, get, response
from benchmarks.soak_values import ALL
from benchmarks.soak_watch import Sample, grown, sample, slopes

CLIENT_LIMIT_S = 5.0
POLITE_PAUSE_S = 0.02


@dataclass(slots=True)
class Soak:
    """One run against a port; `connections` is what it may open in all, `patience` the polite client's, in seconds."""

    port: int
    pid: int
    admin_port: int | None
    asked: Asked
    connections: int
    seconds: float
    patience: float = 2.0
    opened: int = 0
    refused: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    polite_ms: list[float] = field(default_factory=list)
    polite_failures: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    async def run(self, workers: int, every: float) -> None:
        """Send all traffic, sampling every `every` seconds, until it is spent or time is up."""
        with trio.move_on_after(self.seconds):
            async with trio.open_nursery() as watching:
                watching.start_soon(self._watch, every)
                watching.start_soon(self._be_polite)
                async with trio.open_nursery() as working:
                    for _ in range(workers):
                        working.start_soon(self._work)
                watching.cancel_scope.cancel()

    async def _work(self) -> None:
        clients, weights = list(ALL), list(ALL.values())
        while self.opened < self.connections:
            self.opened += 1
            client = self.asked.random.choices(clients, weights)[0]
            try:
                with trio.move_on_after(CLIENT_LIMIT_S):
                    async with await trio.open_tcp_stream(topology.LOOPBACK, self.port) as stream:
                        await client(stream, self.asked)
            except (OSError, trio.BrokenResourceError):
                self.refused += 1
            name = client.__name__
            self.outcomes[name] = self.outcomes.get(name, 0) + 1

    async def _be_polite(self) -> None:
        """Ask for the first name, on a new connection each time, as a health check would."""
        request = get(self.asked.names[0].encode(), more=b"Connection: close\r\n")
        while True:
            start = monotonic()
            status: int | str = "no answer in time"
            try:
                with trio.move_on_after(self.patience):
                    async with await trio.open_tcp_stream(topology.LOOPBACK, self.port) as stream:
                        await stream.send_all(request)
                        status = await response(stream)
            except (OSError, trio.BrokenResourceError) as error:
                status = repr(error)
            if status == 200:
                self.polite_ms.append((monotonic() - start) * 1e3)
            else:
                self.polite_failures.append(str(status))
            await trio.sleep(POLITE_PAUSE_S)

    async def _watch(self, every: float) -> None:
        while True:
            now = await sample(self.pid, self.admin_port, self.opened)
            self.samples.append(now)
            print(now, flush=True)
            await trio.sleep(every)


def verdict(soak: Soak, grow_mb: float) -> list[str]:
    """What was wrong; empty where nothing was."""
    wrong = grown(soak.samples, grow_mb)
    if soak.asked.mixed:
        wrong.append(f"{len(soak.asked.mixed)} responses were another's, the first: {soak.asked.mixed[0]}")
    if soak.polite_failures:
        wrong.append(f"{len(soak.polite_failures)} polite requests failed, the first with {soak.polite_failures[0]}")
    if not soak.polite_ms:
        wrong.append("no polite request was served")
    return wrong


def report(soak: Soak) -> None:
    """Print what was sent, how the polite client fared, and the slopes of the second half."""
    mix = ", ".join(f"{name} {count}" for name, count in sorted(soak.outcomes.items()))
    print(f"connections: {soak.opened} ({mix}); {soak.refused} ended by the router with a reset")
    if soak.polite_ms:
        ordered = sorted(soak.polite_ms)
        p99 = ordered[int(len(ordered) * 0.99)]
        print(
            f"polite: {len(ordered)} served, p50 {median(ordered):.1f} ms, p99 {p99:.1f} ms, worst {ordered[-1]:.1f} ms"
        )
    print("\n".join(slopes(soak.samples, "connections")))


def main() -> int:
    """Exit code: 0 flat and polite, 1 not, 2 nothing could be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--connections", type=int, default=20_000, help="how many to open in all (default 20000)")
    parser.add_argument("--seconds", type=float, default=3600, help="stop after this time at the latest (default 3600)")
    parser.add_argument("--workers", type=int, default=64, help="connections at a time (default 64)")
    parser.add_argument("--names", type=int, default=10_000, help="host names that have a backend (default 10000)")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between samples (default 2)")
    parser.add_argument(
        "--patience", type=float, default=2.0, help="seconds that a polite client waits for its answer (default 2)"
    )
    parser.add_argument("--grow-mb", type=float, default=4.0, help="memory growth that is accepted (default 4)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of clients and names (default 1)")
    parser.add_argument(
        "--proxy", choices=list(PROXIES), default="noderouter", help="what to start (default noderouter)"
    )
    parser.add_argument("--port", type=int, help="a running router on this machine, instead of starting one")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--admin-port", type=int, help="its admin port, for tasks and metrics")
    options = parser.parse_args()
    if (options.port is None) != (options.pid is None):
        parser.error("--port and --pid go together")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as stack:
        try:
            target = _running(options) if options.port else _started(options, stack)
        except (OSError, StartError) as error:
            print(f"soak: {error}", file=sys.stderr)
            return 2
        trio.run(target.run, options.workers, options.every)
        report(target)
        wrong = verdict(target, options.grow_mb)
    print("\n".join(f"FAIL  {each}" for each in wrong) or "pass")
    return 1 if wrong else 0


def _running(options: argparse.Namespace) -> Soak:
    names = tuple(topology.name(index) for index in range(options.names))
    asked = Asked(names, Random(options.seed))
    limits = (options.connections, options.seconds, options.patience)
    return Soak(options.port, options.pid, options.admin_port, asked, *limits)


def _started(options: argparse.Namespace, stack: ExitStack) -> Soak:
    """A backend on one core and the router on another, where there are two."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
    first, *others = sorted(os.sched_getaffinity(0))
    map_ = topology.build(options.names)
    stack.enter_context(backend.start(folder / "backend", map_, others[0] if others else first))
    proxy = PROXIES[options.proxy]
    port, admin_port = topology.free_ports(2)
    setup = Setup(folder / proxy.name, map_, port, admin_port)
    setup.directory.mkdir()
    proxy.write(setup)
    process = stack.enter_context(proxy.start(setup, first))
    process.await_startup(proxy.ready_probe(setup), proxy.served_probe(setup))
    asked = Asked(tuple(name for name, _ in map_.names), Random(options.seed), admin_port=admin_port)
    return Soak(port, process.pid, admin_port, asked, options.connections, options.seconds, options.patience)


if __name__ == "__main__":
    sys.exit(main())
