"""A short run of the fuzzers; `run.py` is for long ones."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[5]


def run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-8000:]


@pytest.mark.slow
def test_a_second_of_each() -> None:
    pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)
    run("tests.noderouter.proxy.http2.fuzz.run", "--seconds=2")


@pytest.mark.slow
def test_plain_fuzzer() -> None:
    pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)
    run("tests.noderouter.proxy.http2.fuzz.differential", "--seconds=1", "--plain")
