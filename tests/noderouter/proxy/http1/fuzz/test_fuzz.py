"""A short run of the fuzzers; `run.py` is for long ones."""

import pytest

from tests.testing.fuzzing import run_fuzzer


@pytest.mark.slow
def test_ten_seconds_of_each() -> None:
    pytest.importorskip("noderouter.proxy.http1._head", exc_type=ImportError)
    run_fuzzer("tests.noderouter.proxy.http1.fuzz.run", "--seconds=10")


@pytest.mark.slow
def test_plain_fuzzer() -> None:
    pytest.importorskip("noderouter.proxy.http1._head", exc_type=ImportError)
    run_fuzzer("tests.noderouter.proxy.http1.fuzz.differential", "--seconds=2", "--plain")
