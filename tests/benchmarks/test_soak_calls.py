"""`benchmarks.soak_calls`: a short run of it, and its verdicts.

Covers `soak_calls_client.py` and `soak_calls_server.py`.
"""

import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.soak_calls import Run, last_counts, left_over, verdict
from benchmarks.soak_watch import Sample
from tests.cluster.cluster import CHECKOUT

CALLS = 3000
BEFORE = Sample(0, 60.0, 20, 5, 100)


def sample(rss_mb: float = 60.0, descriptors: int = 20, tasks: int | None = 5) -> Sample:
    return Sample(1, rss_mb, descriptors, tasks, None)


def test_what_is_left_behind_is_told():
    assert left_over(BEFORE, sample(), 0) == []
    assert left_over(BEFORE, sample(descriptors=30, tasks=None), 2) == [
        "2 streams are open",
        "30 descriptors are left, 20 before",
        "the router does not tell its tasks",
    ]
    assert left_over(BEFORE, sample(tasks=15), 0) == ["15 tasks are left, 5 before"]


def test_a_call_that_ends_as_it_should_not_is_no_pass():
    run = Run(1, 1, [sample() for _ in range(4)], Counter({"echoes": 5, "wrong: fails: OK in place of INTERNAL": 2}))
    assert verdict(run, 4.0) == ["2 x wrong: fails: OK in place of INTERNAL"]
    run.calls.clear()
    run.left.append("2 streams are open")
    assert verdict(run, 4.0) == ["2 streams are open", "no call has ended"]


def test_the_last_whole_line_counts():
    assert last_counts("") == Counter()
    assert last_counts('{"echoes": 1}\nwords\n{"echoes": 2}\n{"echo') == Counter(echoes=2)


@pytest.mark.slow
def test_a_short_run_ends_all_calls_as_it_should_and_leaves_nothing():
    """Of memory it says nothing: that takes minutes."""
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    argv = [sys.executable, "-m", "benchmarks.soak_calls", f"--calls={CALLS}", "--seconds=60", "--every=0.2"]
    argv.append("--grow-mb=100")
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("cancels_waiting", "echoes", "fails_late", "leaves"):
        assert kind in done.stdout
