"""One run of a case against a target, with the CPU it cost; and all runs, in interleaved rounds.

The guard is that of `measure`: a run that others disturbed is repeated, and the least disturbed one is kept.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import procfs
from benchmarks.measure import ATTEMPTS, FOREIGN_LIMIT, PAUSE_S, STEAL_LIMIT
from benchmarks.results import Run
from benchmarks.rounds import rotated
from benchmarks.tcp_load import Messages, Openings, Servers, Streams, Traffic
from benchmarks.tcp_site import Target
from benchmarks.wrk import Load

WARM_UP_S: Final = 0.3
"""Until buffers are full and everybody knows what kind of traffic it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic, and what is counted of it."""

    key: str
    title: str
    unit: str
    make: Callable[[Servers], Traffic]


def _streams(connections: int, *, both: bool) -> Callable[[Servers], Traffic]:
    return lambda servers: Streams(servers, connections, both=both)


def _messages(connections: int, size: int) -> Callable[[Servers], Traffic]:
    return lambda servers: Messages(servers, connections, size)


def _openings(connections: int) -> Callable[[Servers], Traffic]:
    return lambda servers: Openings(servers, connections)


GB: Final = "GB"
MESSAGE: Final = "message"
CONNECTION: Final = "connection"
CASES: Final = (
    Case("bulk@1", "one stream, one way", GB, _streams(1, both=False)),
    Case("bulk@8", "eight streams, one way", GB, _streams(8, both=False)),
    Case("both@4", "four streams, both ways at the same time", GB, _streams(4, both=True)),
    Case("small@1", "messages of 100 bytes to and fro on one connection", MESSAGE, _messages(1, 100)),
    Case("small@16", "messages of 100 bytes to and fro on 16 connections", MESSAGE, _messages(16, 100)),
    Case("8k@16", "messages of 8 KB to and fro on 16 connections", MESSAGE, _messages(16, 8192)),
    Case("128k@4", "messages of 128 KB to and fro on 4 connections", MESSAGE, _messages(4, 131072)),
    Case("open@1", "connect, a byte to and fro, close: one at a time", CONNECTION, _openings(1)),
    Case("open@8", "connect, a byte to and fro, close: eight at a time", CONNECTION, _openings(8)),
)


def choose(words: Sequence[str]) -> tuple[Case, ...]:
    """The cases with these keys, or whose key begins with one of these groups.

    Raises:
        ValueError: a word names no case; the message lists those there are.
    """
    known = {word for case in CASES for word in (case.key, case.key.partition("@")[0])}
    for word in words:
        if word not in known:
            raise ValueError(f"no case {word!r}; there are: {', '.join(sorted(known))}")
    return tuple(case for case in CASES if case.key in words or case.key.partition("@")[0] in words)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a run takes, how many rounds there are, and how often a disturbed run is tried in all."""

    rounds: int
    seconds: float
    attempts: int = ATTEMPTS


def run(target: Target, case: Case, number: int, pace: Pace) -> Run:
    """Run `case` against `target`, again where others disturbed it."""
    seconds = pace.seconds
    kept = _once(target, case, number, seconds, 1)
    for attempt in range(2, pace.attempts + 1):
        if kept.foreign <= FOREIGN_LIMIT and kept.steal <= STEAL_LIMIT:
            break
        time.sleep(PAUSE_S)
        kept = min(kept, _once(target, case, number, seconds, attempt), key=lambda run: run.foreign + run.steal)
    return kept


def _once(target: Target, case: Case, number: int, seconds: float, attempt: int) -> Run:
    used = procfs.Cpu(0.0, 0.0)
    before, ours, start = procfs.machine(), procfs.cpu(os.getpid(), reaped=True), time.perf_counter()
    try:
        with case.make(target.servers) as traffic:
            warm = traffic.watch(WARM_UP_S)
            spent = _cpu(target)
            load = traffic.watch(seconds) if not warm.errors else warm
            used = _cpu(target) - spent
    except OSError as error:
        load = Load(0, 0.0, None, None, {f"not connected ({error.strerror or error})": 1})
    elapsed = time.perf_counter() - start
    after, ours_after = procfs.machine(), procfs.cpu(os.getpid(), reaped=True)
    counted = load.requests if target.process is not None else 0
    return Run(
        case=case.key,
        proxy=target.name,
        round=number,
        requests=load.requests,
        rps=load.rps,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        cpu_us=used.total / counted * 1e6 if counted else None,
        user_us=used.user / counted * 1e6 if counted else None,
        system_us=used.system / counted * 1e6 if counted else None,
        asked_rps=None,
        foreign=max(0.0, after.busy - before.busy - (ours_after - ours).total) / elapsed,
        steal=(after.steal - before.steal) / elapsed,
        attempts=attempt,
        errors=load.errors,
    )


def _cpu(target: Target) -> procfs.Cpu:
    return target.process.cpu() if target.process is not None else procfs.Cpu(0.0, 0.0)


def run_all(targets: Sequence[Target], cases: Sequence[Case], pace: Pace, progress: Callable[[Run], None]) -> list[Run]:
    """All runs: in each round every case against every target, another target first in each."""
    runs = []
    for number in range(pace.rounds):
        for case in cases:
            for target in rotated(targets, number):
                done = run(target, case, number, pace)
                runs.append(done)
                progress(done)
    return runs
