"""The real load generators against the real backend: scripts, command lines and their output fit together."""

import os
import shutil

import pytest

from benchmarks import backend, topology
from benchmarks.cases import CASES
from benchmarks.measure import Meter, Target

MISSING = [name for name in ("nginx", "wrk", "h2load", "taskset") if shutil.which(name) is None]
CORE = min(os.sched_getaffinity(0))


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
def test_each_way_of_loading_gets_answers_without_errors(tmp_path):
    table = topology.build(20, 5, 1)
    with backend.start(tmp_path / "backend", table, CORE) as server:
        meter = Meter(tmp_path, table, CORE, 1)
        for key, rate in (("post4k@16", None), ("names@32", None), ("conn@16", None), ("half@16", 320.0)):
            case = next(case for case in CASES if case.key == key)
            run = meter._once(Target("server", table.ports[0], server), case, 0, rate, 1)
            assert run.requests > 100
            assert not {"non-2xx", "runs without result"} & run.errors.keys()
            assert (run.p99_us is None) == (key == "conn@16")
            assert run.cpu_us is not None
