"""A few seconds of the fuzzer of frames, always the same cases; `frame_fuzz.py` says how it is run for longer."""

from tests.noderouter.proxy.http2.frame_fuzz import play
from tests.testing.seeds import play_all

CASES = 1000


def test_cases() -> None:
    play_all(play, range(CASES))
