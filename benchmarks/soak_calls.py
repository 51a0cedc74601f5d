"""`python -m benchmarks.soak_calls`: calls of gRPC, half of which fail, and a tenth is cancelled: is the router flat?

Starts a server of gRPC, a router of HTTP/2 before it, and clients (`soak_calls_server`, `soak_calls_client`), and looks
at memory, descriptors and tasks of the router meanwhile.

The verdict: every call must have ended as it should have; memory must not have grown by more than `--grow-mb` from the
second quarter of the run to the last; and when the clients have left, in the midst of their calls, the router must be
back at the descriptors and tasks that it had before, without a stream.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from benchmarks import topology
from benchmarks.process import Probe, Process, StartError
from benchmarks.soak_calls_server import SERVICE
from benchmarks.soak_watch import Sample, grown, sample, slopes, streams
from benchmarks.topology import LOOPBACK

AFTER_S: Final = 20.0
"""How long the router may take to be as it was; idle connections to endpoints end meanwhile."""
SPARE: Final = 4
"""Descriptors and tasks that may be there more than before: connections to the server that wait for calls."""


@dataclass(slots=True)
class Run:
    """What was seen of a router; `calls` is how many calls there were of each sort."""

    pid: int
    admin_port: int
    samples: list[Sample] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)

    async def look(self) -> Sample:
        """Take a sample."""
        return await sample(self.pid, self.admin_port, self.calls.total())

    async def watch(self, seconds: float, calls: int, every: float, log: Path) -> None:
        """Sample while the clients write what they do to `log`, for some time or so many calls."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.calls.total() < calls:
            await trio.sleep(min(every, max(0.0, until - time.monotonic())))
            self.calls = last_counts(log.read_text(errors="replace"))
            self.samples.append(await self.look())
            print(self.samples[-1], flush=True)

    async def settle(self, before: Sample) -> None:
        """Wait until the router is as it was `before`; what is not is noted in `left`."""
        with trio.move_on_after(AFTER_S):
            while True:
                now = await self.look()
                open_streams = await streams(self.admin_port)
                self.left = left_over(before, now, open_streams)
                if not self.left:
                    return
                await trio.sleep(0.2)


def last_counts(log: str) -> Counter[str]:
    """The counts in the last whole line of JSON."""
    lines = [line for line in log.split("\n")[:-1] if line.startswith("{")]
    return Counter(json.loads(lines[-1])) if lines else Counter()


def left_over(before: Sample, now: Sample, open_streams: int | None) -> list[str]:
    """What there is more of than before."""
    found = [f"{open_streams} streams are open"] if open_streams else []
    if now.descriptors > before.descriptors + SPARE:
        found.append(f"{now.descriptors} descriptors are left, {before.descriptors} before")
    if now.tasks is None or before.tasks is None:
        found.append("the router does not tell its tasks")
    elif now.tasks > before.tasks + SPARE:
        found.append(f"{now.tasks} tasks are left, {before.tasks} before")
    return found


def verdict(run: Run, grow_mb: float) -> list[str]:
    """What was wrong; empty where nothing was."""
    wrong = grown(run.samples, grow_mb) + run.left
    wrong += [f"{count} x {kind}" for kind, count in run.calls.items() if kind.startswith("wrong")]
    if not run.calls.total():
        wrong.append("no call has ended")
    return wrong


def router(folder: Path, port: int, admin_port: int, ports: tuple[int, ...]) -> list[str]:
    """Write the configuration of the router, and return its command."""
    names = folder / "names"
    names.mkdir()
    (names / SERVICE).write_text("".join(f"{LOOPBACK} {each}\n" for each in ports))
    one = {
        "protocol": "h2",
        "dtab": "/svc => /#/io.l5d.fs",
        "identifier": {"kind": "io.l5d.header.path", "segments": 1},
        "servers": [{"ip": LOOPBACK, "port": port}],
        "service": {"responseClassifier": {"kind": "io.l5d.h2.grpc.default"}},
    }
    config = {
        "admin": {"ip": LOOPBACK, "port": admin_port},
        "overload": {"lagHighMs": 60_000},  # a busy machine is no reason to refuse calls here
        "namers": [{"kind": "io.l5d.fs", "rootDir": str(names)}],
        "routers": [one],
    }
    (folder / "noderouter.yaml").write_text(json.dumps(config))
    return [sys.executable, "-m", "noderouter.cli", "run", str(folder / "noderouter.yaml")]


def main() -> int:
    """Exit code: 0 flat and all calls as they should be, 1 not, 2 nothing could be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_calls", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="how long (default 3600)")
    parser.add_argument("--calls", type=int, default=sys.maxsize, help="stop after so many (default: never)")
    parser.add_argument("--workers", type=int, default=64, help="calls at a time (default 64)")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between samples (default 10)")
    parser.add_argument("--grow-mb", type=float, default=4.0, help="memory growth that is accepted (default 4)")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    try:
        with tempfile.TemporaryDirectory(prefix="soak-calls-") as folder:
            run = trio.run(soak, Path(folder), options)
    except (OSError, StartError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    report(run)
    wrong = verdict(run, options.grow_mb)
    print("\n".join(f"FAIL  {each}" for each in wrong) or "pass")
    return 1 if wrong else 0


async def soak(folder: Path, options: argparse.Namespace) -> Run:
    """The router on one core, server and clients on the other, where there are two."""
    first, *others = sorted(os.sched_getaffinity(0))
    other = others[0] if others else first
    port, admin_port, *ports = topology.free_ports(4)
    python = [sys.executable, "-m"]
    with ExitStack() as running:
        server = [*python, "benchmarks.soak_calls_server", *map(str, ports)]
        running.enter_context(Process(server, other, folder / "server.log"))
        process = running.enter_context(
            Process(router(folder, port, admin_port, tuple(ports)), first, folder / "router.log")
        )
        ready = Probe(admin_port, "/readyz", "localhost")
        process.await_startup(ready, ready)
        run = Run(process.pid, admin_port)
        before = await run.look()
        client = [*python, "benchmarks.soak_calls_client", str(port), str(options.workers)]
        with Process(client, other, folder / "client.log") as clients:
            await run.watch(options.seconds, options.calls, options.every, clients.log)
            if not clients.alive:
                raise StartError(f"the clients have ended: {clients.tail()}")
            os.killpg(clients.pid, 9)
        await run.settle(before)
    return run


def report(run: Run) -> None:
    """Print what was called, and the slopes of the second half."""
    total = run.calls.total()
    sorts = ", ".join(f"{kind} {count}" for kind, count in sorted(run.calls.items()))
    print(f"calls: {total} ({sorts})")
    print("\n".join(slopes(run.samples, "calls")))


if __name__ == "__main__":
    sys.exit(main())
