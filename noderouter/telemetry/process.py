"""Gauges about the process and its log, and those of the process under the names of Linkerd's dashboards (`jvm/`)."""

import gc
import os
import resource
import threading
from time import monotonic, perf_counter, process_time, time
from typing import Any, Final

import trio

from noderouter.line_queue import standard_error
from noderouter.telemetry.tree import MetricsTree

LIST_SECONDS: Final = 10.0
"""Between two lists of descriptors, where the kernel does not count them."""
_PAGE: Final = resource.getpagesize()


class Collections:
    """The runs of the garbage collector, which calls this: a microsecond for each, and none for a request."""

    def __init__(self) -> None:
        self.runs = 0
        self.seconds = 0.0
        self._began = 0.0

    def __call__(self, phase: str, _info: dict[str, Any]) -> None:
        """See `gc.callbacks`."""
        if phase == "start":
            self._began = perf_counter()
        elif self._began:
            self.runs += 1
            self.seconds += perf_counter() - self._began


collections: Final = Collections()
"""Those of the process, from the first `watch_process` on."""


def watch_process(tree: MetricsTree, memory_limit: int = 0) -> None:
    """Add the gauges to `tree`; uptime counts from now. `memory_limit` is in bytes, 0 where there is none."""
    started, since = monotonic(), time()
    if collections not in gc.callbacks:
        gc.callbacks.append(collections)
    process = tree.scope("process")
    process.gauge("uptime_seconds", lambda: round(monotonic() - started, 3))
    process.gauge("cpu_seconds", process_time)
    process.gauge("resident_bytes", resident_bytes)
    process.gauge("threads", threading.active_count)
    process.gauge("open_fds", open_fds)
    process.gauge("max_fds", lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    jvm = tree.scope("jvm")
    jvm.gauge("uptime", lambda: int((monotonic() - started) * 1000))
    jvm.gauge("mem/current/used", resident_bytes)
    jvm.gauge("thread/count", threading.active_count)
    jvm.gauge("fd_count", open_fds)
    jvm.gauge("start_time", lambda: int(since * 1000))
    jvm.gauge("num_cpus", lambda: len(os.sched_getaffinity(0)))
    jvm.gauge("heap/used", resident_bytes)
    jvm.gauge("heap/committed", resident_bytes)
    if memory_limit:
        jvm.gauge("heap/max", lambda: memory_limit)
    jvm.tally("gc/cycles", lambda: collections.runs)
    jvm.tally("gc/msec", lambda: int(collections.seconds * 1000))


def watch_log(tree: MetricsTree, max_bytes: int) -> None:
    """Bound what waits to be read from standard error; add that, and the lines that were dropped, to the metrics."""
    queue = standard_error()
    if queue is not None:
        queue.max_bytes = max_bytes
    scope = tree.scope("log")
    scope.tally("dropped", lambda: 0 if queue is None else queue.dropped)
    scope.gauge("queued_bytes", lambda: 0 if queue is None else queue.queued_bytes)


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE


_FDS: Final = "/proc/self/fd"


class Listed:
    """The descriptors of this process as they were listed last; for kernels that do not count them."""

    def __init__(self) -> None:
        self.count = 0

    async def keep(self) -> None:
        """List them again and again, until cancelled; ends at once where the kernel counts, as Linux does since 6.2.

        In a thread, since it takes milliseconds where there are ten thousand.
        """
        while not os.stat(_FDS).st_size:
            self.count = len(await trio.to_thread.run_sync(os.listdir, _FDS))
            await trio.sleep(LIST_SECONDS)


listed: Final = Listed()
"""Those of the process."""


def open_fds() -> int:
    """Return the number of descriptors of this process; takes a microsecond, however many there are."""
    return os.stat(_FDS).st_size or listed.count  # its size is the count, since Linux 6.2
