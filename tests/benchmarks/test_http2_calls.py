"""`benchmarks.http2_calls`: each kind of call is done and counted, figures become ratios and verdicts."""

import sys
from pathlib import Path

import pytest

from benchmarks import http2_calls as calls
from benchmarks.process import Process
from tests.testing.ports import free_ports

FOUND = {
    "unary": {"noderouter": [40.0, 60.0], "haproxy": [40.0, 40.0], "envoy": [100.0, 100.0]},
    "talk": {"noderouter": [60.0, 60.0], "haproxy": [], "envoy": [100.0, 100.0]},
}


def test_each_is_done_and_counted(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = [sys.executable, "-m", "benchmarks.soak_calls_server", "--steady", str(port)]
    with Process(server, 0, tmp_path / "log") as process:
        calls.await_answered(process, port)
        for case in calls.CASES:
            assert calls.cpu(process, port, case, 0.1) > 0


def test_the_table_has_medians_and_ratios() -> None:
    assert calls.table(FOUND).splitlines() == [
        "unary  noderouter 50.0, haproxy 40.0, envoy 100.0, x haproxy 1.25 (1.00-1.50), x envoy 0.50 (0.40-0.60)",
        "talk   noderouter 60.0, envoy 100.0, x envoy 0.60 (0.60-0.60)",
    ]


def test_what_is_over_half_of_envoy_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert calls.missed(FOUND)
    assert capsys.readouterr().out == "FAIL  talk: 0.60 x envoy, 0.5 wanted\n"
    assert not calls.missed({"unary": FOUND["unary"]})
