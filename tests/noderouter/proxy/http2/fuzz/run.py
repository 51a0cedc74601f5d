"""Fuzzes HPACK: the C code under libFuzzer with sanitizers, then C against its twin.

    python -m tests.noderouter.proxy.http2.fuzz.run --seconds 60 [--corpus FOLDER]

Half of the time goes to each. Needs clang for the first (it is skipped with a word where there is none) and the
compiled HPACK for the second. Exits with 1 when something was found; the sample stands in the output, and under
`--corpus`, where both also keep what they learned.
"""

import sys
from pathlib import Path

from tests.testing.fuzzing import fuzz_both

if __name__ == "__main__":
    sys.exit(fuzz_both(__doc__, Path(__file__).resolve().parent, "hpack.dict"))
