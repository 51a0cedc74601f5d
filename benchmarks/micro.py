"""`python -m benchmarks.micro`: single functions, in nanoseconds and, with `--instructions`, in instructions.

Nanoseconds are the least of several repetitions: what the function costs when nothing disturbs it. Instructions
come from valgrind's callgrind, which counts the same on any machine with the same Python, so small changes
show; without valgrind that is said and left out.

How callgrind is told where a subject begins: it writes a dump, and starts to count anew, whenever `getloadavg`
of the C library is entered (`--dump-before`), and nothing else here calls that. So one process does all subjects,
with a marker before and after each; the loop and the marker are measured with the empty call and taken off.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns

from benchmarks.micro_subjects import SUBJECTS, Operation

LOOPS_COUNTED = 200
WARM_UP = 50
ROUND_NS = 20_000_000
"""About how long one repetition takes."""
BASE = "empty call"
TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.M)


def prepare(name: str) -> Operation | None:
    """The operation of subject `name`, warmed up; None where what it measures is not built."""
    try:
        operation = SUBJECTS[name]()
    except ImportError:
        return None
    loop(operation, WARM_UP)
    return operation


def loop(operation: Operation, times: int) -> None:
    """Repeat `operation`."""
    for _ in repeat(None, times):
        operation()


def nanoseconds(operation: Operation, rounds: int) -> float:
    """The least time per call over `rounds` repetitions."""
    start = perf_counter_ns()
    loop(operation, WARM_UP)
    each = max(1, (perf_counter_ns() - start) // WARM_UP)
    times = max(1, ROUND_NS // each)
    best = float("inf")
    for _ in range(rounds):
        start = perf_counter_ns()
        loop(operation, times)
        best = min(best, (perf_counter_ns() - start) / times)
    return best


def count_all(names: Iterable[str]) -> None:
    """What the process under callgrind does: mark, repeat, mark, for each subject that there is."""
    for name in names:
        operation = prepare(name)
        os.getloadavg()
        if operation is not None:
            loop(operation, LOOPS_COUNTED)
        os.getloadavg()


def instructions(names: list[str]) -> dict[str, float]:
    """Instructions per call of each subject, without the loop around it.

    Raises:
        RuntimeError: valgrind is missing or failed; the message says why.
    """
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed, so no instructions are counted")
    names = [BASE, *(name for name in names if name != BASE)]
    with tempfile.TemporaryDirectory(prefix="micro-") as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=getloadavg"]
        command += [f"--callgrind-out-file={folder}/out", sys.executable, "-m", "benchmarks.micro", "--counted"]
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"}
        done = subprocess.run(
            [*command, ",".join(map(str, (list(SUBJECTS).index(name) for name in names)))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        dumps = sorted(Path(folder).glob("out.*"), key=lambda file: int(file.suffix[1:]))
        totals = [int(found[1]) for file in dumps if (found := TOTAL.search(file.read_text()))]
    if done.returncode or len(totals) < 2 * len(names):
        raise RuntimeError(f"callgrind gave {len(totals)} counts for {len(names)} subjects: {done.stderr[-500:]}")
    return per_call(names, totals)


def per_call(names: list[str], totals: list[int]) -> dict[str, float]:
    """Dumps in order: before the first marker, then for each subject its loop and what follows it."""
    loops = totals[1 : 2 * len(names) : 2]
    return {name: (total - loops[0]) / LOOPS_COUNTED for name, total in zip(names, loops, strict=True)}


def main() -> int:
    """Time the chosen subjects and print a table. Exit code 2 where no subject is chosen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("words", nargs="*", help="only subjects whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=10, help="repetitions of which the least counts (default 10)")
    parser.add_argument("--instructions", action="store_true", help="also count instructions, with valgrind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--counted", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.counted is not None:
        count_all([list(SUBJECTS)[int(index)] for index in options.counted.split(",")])
        return 0
    names = [name for name in SUBJECTS if not options.words or any(word in name for word in options.words)]
    if not names:
        print(f"micro: no such subject; there are: {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    counts: dict[str, float] = {}
    if options.instructions:
        try:
            counts = instructions(names)
        except RuntimeError as error:
            print(f"micro: {error}", file=sys.stderr)
    figures: dict[str, dict[str, float | None]] = {}
    print("| | ns | instructions |\n| --- | --- | --- |")
    for name in names:
        operation = prepare(name)
        if operation is None:
            print(f"| {name} | not built | – |")
            continue
        spent = nanoseconds(operation, options.rounds)
        count = counts.get(name)
        figures[name] = {"ns": spent, "instructions": count}
        print(f"| {name} | {spent:.0f} | {'–' if count is None else f'{count:.0f}'} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
