"""Fuzzes HPACK: the C code under libFuzzer with sanitizers, then C against its twin.

    python -m tests.noderouter.proxy.http2.fuzz.run --seconds 60 [--corpus FOLDER]

Half of the time goes to each. Needs clang for the first (it is skipped with a word where there is none) and the
compiled HPACK for the second. Exits with 1 when something was found; the sample stands in the output, and under
`--corpus`, where both also keep what they learned.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[4]
SOURCE = ROOT / "noderouter" / "proxy" / "http2"
FLAGS = [
    *("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"),
    *("-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
]


def libfuzzer(seconds: int, folder: Path) -> int:
    """Build and run the harness; its exit status."""
    clang = shutil.which("clang")
    if clang is None:
        print("libFuzzer: skipped, there is no clang")
        return 0
    program = folder / "harness"
    built = subprocess.run([clang, *FLAGS, f"-I{SOURCE}", str(HERE / "harness.c"), "-o", str(program)], check=False)
    if built.returncode:
        return built.returncode
    run = [str(program), f"-max_total_time={seconds}", "-max_len=8192", "-print_final_stats=1", "-verbosity=0"]
    run += [f"-dict={HERE / 'hpack.dict'}", f"-artifact_prefix={folder}/", str(folder / "corpus")]
    return subprocess.run(run, check=False).returncode


def differential(seconds: int, folder: Path) -> int:
    """Run the differential fuzzer in its own process; its exit status."""
    run = [sys.executable, "-m", "tests.noderouter.proxy.http2.fuzz.differential", f"--seconds={seconds}"]
    return subprocess.run([*run, f"--corpus={folder / 'corpus'}"], cwd=ROOT, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="a folder to keep what is found; without it, nothing is kept")
    options = parser.parse_args()
    from tests.noderouter.proxy.http2.fuzz.differential import samples

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if options.corpus is None else options.corpus.resolve()
        (folder / "corpus").mkdir(parents=True, exist_ok=True)
        for index, sample in enumerate(samples()):
            (folder / "corpus" / f"seed-{index:03}").write_bytes(sample)
        half = max(1, options.seconds // 2)
        found = [libfuzzer(half, folder), differential(half, folder)]
    print(f"fuzzing: {'something was found' if any(found) else 'nothing found'}")
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
