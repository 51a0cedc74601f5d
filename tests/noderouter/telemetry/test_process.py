"""Gauges about this process."""

import os
from types import SimpleNamespace

import pytest

from noderouter.telemetry.process import open_fds, resident_bytes, watch_process
from noderouter.telemetry.tree import MetricsTree


def test_descriptors_are_counted() -> None:
    before = open_fds()
    descriptor = os.open("/dev/null", os.O_RDONLY)
    assert open_fds() == before + 1
    os.close(descriptor)


def test_descriptors_are_listed_where_the_kernel_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_fds()
    monkeypatch.setattr(os, "stat", lambda _path: SimpleNamespace(st_size=0))
    assert abs(open_fds() - before) <= 1  # listing takes a descriptor, too


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
    }
    assert found["jvm/thread/count"] == found["process/threads"]
    assert found["jvm/fd_count"] == found["process/open_fds"]
