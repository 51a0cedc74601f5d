"""What every process tells Prometheus under the same names: `process_*` and `python_gc_*`, whichever language it is in.

Of the garbage collector by prometheus_client. Not of the process, though it knows that, too: it lists all descriptors
to count them, which holds the thread for milliseconds where ten thousand connections are open.
"""

import os
import resource
from collections.abc import Iterator
from time import CLOCK_BOOTTIME, clock_gettime, process_time, time
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, Metric

from noderouter.telemetry.openmetrics.family import Family, Type
from noderouter.telemetry.process import open_fds, resident_bytes

_COUNTER, _GAUGE = Type.COUNTER, Type.GAUGE
_VIRTUAL: Final = Family("process_virtual_memory_bytes", _GAUGE, "Virtual memory size in bytes", (), "bytes")
_RESIDENT: Final = Family("process_resident_memory_bytes", _GAUGE, "Resident memory size in bytes", (), "bytes")
_START: Final = Family("process_start_time_seconds", _GAUGE, "Start since the Unix epoch in seconds", (), "seconds")
_CPU: Final = Family("process_cpu_seconds", _COUNTER, "User and system CPU time spent in seconds", (), "seconds")
_MAX_FDS: Final = Family("process_max_fds", _GAUGE, "Maximum number of open file descriptors")
_OPEN_FDS: Final = Family("process_open_fds", _GAUGE, "Number of open file descriptors")
_COLLECTOR: Final = GCCollector(CollectorRegistry())
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def _stat() -> list[bytes]:
    """Return the fields of proc_pid_stat(5) behind the name, which may hold anything; the state is the first."""
    with open("/proc/self/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


_STARTED: Final = time() - clock_gettime(CLOCK_BOOTTIME) + int(_stat()[19]) / _TICKS
"""Of this process, seconds since the epoch; computed once, since a clock that is set must not seem a restart."""


def standard() -> Iterator[tuple[Family, dict[str, str], float]]:
    """Yield each sample with its family and its labels; those of one family stand together."""
    yield _VIRTUAL, {}, int(_stat()[20])
    yield _RESIDENT, {}, resident_bytes()
    yield _START, {}, _STARTED
    yield _CPU, {}, process_time()
    yield _MAX_FDS, {}, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield _OPEN_FDS, {}, open_fds()
    for metric in _COLLECTOR.collect():
        family = _family(metric)
        for each in metric.samples:
            yield family, each.labels, each.value


def _family(metric: Metric) -> Family:
    return Family(metric.name, Type(metric.type), metric.documentation.rstrip("."), ("generation",))
