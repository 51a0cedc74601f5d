"""One run: drive a load generator at one port and account for the CPU it cost.

The guard: a run during which others used more than `FOREIGN_LIMIT` of a core, or the host took away more than
`STEAL_LIMIT`, is repeated, at most `ATTEMPTS` times in all, and the least disturbed one is kept. What it
measured plays no part in that choice.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import h2load, procfs, wrk
from benchmarks.cases import Case
from benchmarks.process import Process
from benchmarks.results import Run
from benchmarks.topology import LOOPBACK, Topology
from benchmarks.wrk import Load

FOREIGN_LIMIT = 0.08
STEAL_LIMIT = 0.10
ATTEMPTS = 4
PAUSE_S = 0.5
RATE_SHARE = 0.95
"""A fixed-rate run that sent less than this share of its rate did not keep up, and counts as failed."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to load: a proxy's port and process, or the backend itself with none."""

    name: str
    port: int
    process: Process | None


@dataclass(frozen=True, slots=True)
class Meter:
    """Runs load generators on `core`, with their files in `directory`."""

    directory: Path
    topology: Topology
    core: int
    seconds: int

    def run(self, target: Target, case: Case, number: int, rate: float | None) -> Run:
        """Run `case` against `target`, again where others disturbed it; `rate` for a fixed-rate case."""
        kept = self._once(target, case, number, rate, 1)
        for attempt in range(2, ATTEMPTS + 1):
            if kept.foreign <= FOREIGN_LIMIT and kept.steal <= STEAL_LIMIT:
                break
            time.sleep(PAUSE_S)
            again = self._once(target, case, number, rate, attempt)
            kept = min(kept, again, key=lambda run: run.foreign + run.steal)
        return kept

    def _once(self, target: Target, case: Case, number: int, rate: float | None, attempt: int) -> Run:
        before, ours, spent = procfs.machine(), procfs.cpu(os.getpid(), reaped=True), _cpu(target)
        start = time.perf_counter()
        try:
            load = self._wrk(target, case) if rate is None else self._h2load(target, case, rate)
        except (ValueError, subprocess.TimeoutExpired) as error:
            print(f"{target.name} under {case.key}: {error}", file=sys.stderr)
            load = Load(0, 0.0, None, None, {"runs without result": 1})
        elapsed = time.perf_counter() - start
        after, ours_after = procfs.machine(), procfs.cpu(os.getpid(), reaped=True)
        used = _cpu(target) - spent
        errors = dict(load.errors)
        if rate is not None and load.rps < rate * RATE_SHARE:
            errors["missing of the rate"] = round((rate - load.rps) * self.seconds)
        foreign = max(0.0, after.busy - before.busy - (ours_after - ours).total) / elapsed
        counted = load.requests if target.process is not None else 0
        return Run(
            case=case.key,
            proxy=target.name,
            round=number,
            requests=load.requests,
            rps=load.rps,
            p50_us=load.p50_us if case.latencies else None,
            p99_us=load.p99_us if case.latencies else None,
            cpu_us=used.total / counted * 1e6 if counted else None,
            user_us=used.user / counted * 1e6 if counted else None,
            system_us=used.system / counted * 1e6 if counted else None,
            asked_rps=rate,
            foreign=foreign,
            steal=(after.steal - before.steal) / elapsed,
            attempts=attempt,
            errors=errors,
        )

    def _h2load(self, target: Target, case: Case, rate: float) -> Load:
        log = self.directory / "h2load.log"
        log.write_text("")
        url = f"http://{self.topology.first_name}{case.path}"
        command = h2load.command(url, case.connections, self.seconds, case.headers, rate, str(log))
        output = self._execute([*command, f"--connect-to={LOOPBACK}:{target.port}"])
        return h2load.parse(output, log.read_text(), self.seconds)

    def _wrk(self, target: Target, case: Case) -> Load:
        script = case.script(tuple(name for name, _ in self.topology.names))
        file = None
        if script is not None:
            file = self.directory / "wrk.lua"
            file.write_text(script)
        headers = (f"Host: {self.topology.first_name}", *case.headers)
        url = f"http://{LOOPBACK}:{target.port}{case.path}"
        command = wrk.command(url, case.connections, self.seconds, headers, str(file) if file else None)
        return wrk.parse(self._execute(command))

    def _execute(self, command: list[str]) -> str:
        """What the load generator prints. It is killed where it does not end, as h2load does when it is refused."""
        done = subprocess.run(
            ["taskset", "-c", str(self.core), *command],
            capture_output=True,
            text=True,
            timeout=self.seconds * 2 + 15,
            check=False,
        )
        return done.stdout + done.stderr


def _cpu(target: Target) -> procfs.Cpu:
    return target.process.cpu() if target.process is not None else procfs.Cpu(0.0, 0.0)
