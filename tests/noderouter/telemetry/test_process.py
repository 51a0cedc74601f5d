"""Gauges about this process."""

import gc
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import trio

from noderouter.line_queue import LineQueue, LineStream
from noderouter.telemetry import process
from noderouter.telemetry.process import collections, listed, open_fds, resident_bytes, watch_log, watch_process
from noderouter.telemetry.tree import MetricsTree
from tests.testing.loop import until


def test_descriptors_are_counted() -> None:
    before = open_fds()
    descriptor = os.open("/dev/null", os.O_RDONLY)
    assert open_fds() == before + 1
    os.close(descriptor)


async def test_descriptors_are_listed_in_a_thread_where_the_kernel_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set()

    def listdir(path: str) -> list[str]:
        threads.add(threading.get_ident())
        return os.listdir(path)

    system = SimpleNamespace(stat=lambda _path: SimpleNamespace(st_size=0), listdir=listdir)
    monkeypatch.setattr(process, "os", system)
    monkeypatch.setattr(process, "LIST_SECONDS", 0.01)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listed.keep)
        await until(lambda: open_fds() > 2)
        descriptors = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
        await until(lambda: open_fds() > 100)
        nursery.cancel_scope.cancel()
        for each in descriptors:
            os.close(each)
    assert threading.get_ident() not in threads


async def test_descriptors_are_not_listed_where_the_kernel_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.stat("/proc/self/fd").st_size:
        pytest.skip("this kernel does not count descriptors (Linux 6.2 does)")
    monkeypatch.setattr(os, "listdir", None)
    await listed.keep()
    assert open_fds() > 2


def test_memory_is_that_of_a_python_process() -> None:
    assert 5e6 < resident_bytes() < 5e9


def test_all_gauges_read_and_the_old_names_agree() -> None:
    tree = MetricsTree()
    watch_process(tree)
    found = {"/".join(path): value for path, _, value in tree.samples()}
    assert set(found) - {"telemetry/overflow"} == {
        "process/uptime_seconds",
        "process/cpu_seconds",
        "process/resident_bytes",
        "process/threads",
        "process/open_fds",
        "process/max_fds",
        "jvm/uptime",
        "jvm/mem/current/used",
        "jvm/thread/count",
        "jvm/fd_count",
        "jvm/start_time",
        "jvm/num_cpus",
        "jvm/heap/used",
        "jvm/heap/committed",
        "jvm/gc/cycles",
        "jvm/gc/msec",
    }
    assert 0 < found["jvm/num_cpus"] <= (os.cpu_count() or 0)
    assert abs(found["jvm/start_time"] - time.time() * 1000) < 60_000
    assert 5e6 < found["jvm/heap/used"] < 5e9
    assert found["jvm/thread/count"] == found["process/threads"]
    assert found["jvm/fd_count"] == found["process/open_fds"]


def test_the_collector_is_counted_once_however_many_trees_there_are() -> None:
    tree = MetricsTree()
    watch_process(tree, 64 << 20)
    watch_process(MetricsTree())
    assert gc.callbacks.count(collections) == 1

    def figures() -> dict[str, float]:
        return {"/".join(path): value for path, _, value in tree.samples()}

    before = figures()
    seconds = collections.seconds
    gc.collect()
    gc.collect()
    assert figures()["jvm/gc/cycles"] >= before["jvm/gc/cycles"] + 2
    assert collections.seconds > seconds
    assert before["jvm/heap/max"] == 64 << 20


def test_what_nobody_reads_is_bounded_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = MetricsTree()
    reader, writer = os.pipe()
    os.close(reader)
    queue = LineQueue(writer)
    monkeypatch.setattr(sys, "stderr", LineStream(queue, False))
    watch_log(tree, 5)
    print("more than there is room for", file=sys.stderr)
    print("lost", file=sys.stderr)
    assert queue.drain()
    assert logged(tree) == {"log/dropped": 2, "log/queued_bytes": 0}
    os.close(writer)


def test_standard_error_without_a_queue_drops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    tree = MetricsTree()
    watch_log(tree, 5)
    assert logged(tree) == {"log/dropped": 0, "log/queued_bytes": 0}


def logged(tree: MetricsTree) -> dict[str, float]:
    found = {"/".join(path): value for path, _, value in tree.samples()}
    return {path: value for path, value in found.items() if path.startswith("log/")}
