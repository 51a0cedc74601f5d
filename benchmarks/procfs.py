"""What /proc says: CPU and memory of a process tree, and how busy the machine is besides us.

CPU is utime + stime of every process of the tree (proc(5), fields 14 and 15 of `stat`), in clock ticks of
usually 10 ms: a run of one second at full load is exact to a percent. Softirq work that a process does in its own
system calls is in its stime.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds, of a process tree or of the machine."""

    user: float
    system: float

    @property
    def total(self) -> float:
        """User and system together."""
        return self.user + self.system

    def __add__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user + other.user, self.system + other.system)

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.user - other.user, self.system - other.system)


@dataclass(frozen=True, slots=True)
class Machine:
    """CPU seconds of all cores since boot."""

    busy: float
    steal: float


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants that are alive; empty where it has ended."""
    try:
        tasks = os.listdir(PROC / str(pid) / "task")
    except FileNotFoundError:
        return []
    found = [pid]
    for task in tasks:
        try:
            children = (PROC / str(pid) / "task" / task / "children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children.split():
            found += tree(int(child))
    return found


def cpu(pid: int, *, reaped: bool = False) -> Cpu:
    """CPU of the process tree under `pid`; with `reaped`, also of children of `pid` that ended."""
    total = Cpu(0.0, 0.0)
    for each in tree(pid):
        try:
            fields = stat_fields((PROC / str(each) / "stat").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += Cpu(fields[11] * TICK, fields[12] * TICK)
        if reaped and each == pid:
            total += Cpu(fields[13] * TICK, fields[14] * TICK)
    return total


def stat_fields(text: str) -> list[int]:
    """The numbers behind the command name, which may itself hold spaces and parentheses; the first is 0."""
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory of these processes, in MB (2**20), shared pages counted in each."""
    return sum(status_number(pid, "VmRSS:") for pid in pids) / 1024


def status_number(pid: int, key: str) -> int:
    """One number of /proc/PID/status; 0 where the process has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def waited(pid: int) -> float:
    """Seconds for which the main thread of a process could have run, and others had the core (schedstat)."""
    try:
        return int((PROC / str(pid) / "schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def descriptors(pid: int) -> int:
    """How many file descriptors the process holds."""
    try:
        return len(os.listdir(PROC / str(pid) / "fd"))
    except FileNotFoundError:
        return 0


def machine() -> Machine:
    """Busy time (all but idle and iowait) and stolen time of all cores."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, (PROC / "stat").read_text().split(maxsplit=9)[1:9]
    )
    return Machine((user + nice + system + irq + softirq) * TICK, steal * TICK)


def cpu_model() -> str:
    """The processor's name as the kernel shows it."""
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"
