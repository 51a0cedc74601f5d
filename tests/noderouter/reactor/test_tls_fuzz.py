"""A few seconds of the fuzzer of wires with TLS, always the same cases; `tls_fuzz.py` says how it is run for longer."""

from tests.noderouter.reactor.tls_fuzz import play
from tests.testing.seeds import play_all

CASES = 80


def test_cases() -> None:
    play_all(play, range(CASES))
