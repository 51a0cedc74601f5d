"""A short run of the fuzzers; `run.py` is for long ones."""

import pytest

from tests.testing.fuzzing import run_fuzzer


@pytest.mark.slow
def test_a_second_of_each() -> None:
    pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)
    run_fuzzer("tests.noderouter.proxy.http2.fuzz.run", "--seconds=2")


@pytest.mark.slow
def test_plain_fuzzer() -> None:
    pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)
    run_fuzzer("tests.noderouter.proxy.http2.fuzz.differential", "--seconds=1", "--plain")
