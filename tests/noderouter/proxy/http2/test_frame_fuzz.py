"""A few seconds of the fuzzer of frames, always the same cases; `frame_fuzz.py` says how it is run for longer."""

from tests.noderouter.proxy.http2.frame_fuzz import Bench

CASES = 1000


def test_cases() -> None:
    for seed in range(CASES):
        try:
            Bench(seed).run()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
