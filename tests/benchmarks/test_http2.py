"""`benchmarks.http2`: configurations are taken by those they are for, and figures become ratios and verdicts."""

import shutil
import subprocess

import pytest

from benchmarks import http2, http2_site

FOUND = {
    "h1@4x16": {"noderouter": [10.0, 12.0, 33.0], "haproxy": [10.0, 10.0, 30.0], "envoy": [30.0, 24.0, 60.0]},
    "h2@1x1": {"noderouter": [14.0], "haproxy": [10.0]},
}


def test_ratios_are_taken_within_a_round():
    assert http2.ratios(FOUND, "h1@4x16", "haproxy") == [1.0, 1.2, 1.1]
    assert http2.ratios(FOUND, "h2@1x1", "envoy") == []


def test_the_table_has_medians_and_ratios():
    first, second = http2.table(FOUND).splitlines()
    assert first.split(", ") == [
        "h1@4x16   noderouter 12.0",
        "haproxy 10.0",
        "envoy 30.0",
        "x haproxy 1.10 (1.00-1.20)",
        "x envoy 0.50 (0.33-0.55)",
    ]
    assert second.endswith("x haproxy 1.40 (1.40-1.40)")


def test_what_is_over_its_bar_is_said():
    said: list[str] = []
    assert http2.missed(FOUND, [case for case in http2.CASES if case.key in FOUND], said.append)
    assert said == [
        "FAIL  h1@4x16: 1.10 x haproxy, 1 wanted",
        "FAIL  h2@1x1: 1.40 x haproxy, 1.1 wanted",
        "FAIL  h2@1x1: 1.40 x haproxy, 1.35 wanted",
    ]


@pytest.mark.parametrize(
    ("name", "check"),
    [("noderouter", ["validate"]), ("haproxy", ["-c"]), ("envoy", ["--mode", "validate"])],
)
def test_each_takes_its_configuration(tmp_path, name, check):
    command = http2_site.PROXIES[name](http2_site.site(tmp_path / name, http2_site.endpoints()))
    if name == "noderouter":
        command[3:4] = check
    elif shutil.which(command[0]) is None:
        pytest.skip(f"{name} is not installed")
    else:
        command += check
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
