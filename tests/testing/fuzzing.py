"""Fuzzing code in C that has a twin in Python: the C under libFuzzer with sanitizers, then both on the same samples.

A package `fuzz` has the harness in C, a dictionary, `run.py` for both fuzzers (`fuzz_both`) and `differential.py` for
the second one (`Twins`), which takes `atheris` where it can be imported; else a mutation fuzzer of our own (`Plain`).
"""

import argparse
import importlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    *("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"),
    *("-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
]


class Difference(AssertionError):
    """The two disagree, or one of them contradicts itself."""


@dataclass(frozen=True)
class Twins:
    """What is fuzzed.

    Attributes:
        check: compares both on one sample, and raises `Difference`.
        samples: returns a first corpus.
        change: makes the next sample out of a corpus.
        modules: the twin and what it is built on.
        dictionary: of atheris.
    """

    check: Callable[[bytes], None]
    samples: Callable[[], Iterable[bytes]]
    change: Callable[[Random, list[bytes]], bytes]
    modules: tuple[ModuleType, ...]
    dictionary: Path

    def functions(self) -> Iterator[FunctionType]:
        """Yield the functions of the modules."""
        for module in self.modules:
            classes = [value for value in vars(module).values() if isinstance(value, type)]
            members = [*vars(module).values(), *(value for each in classes for value in vars(each).values())]
            yield from (f for f in members if isinstance(f, FunctionType) and f.__module__ == module.__name__)

    def fuzz(self, description: str | None) -> None:
        """Fuzz as the command line says, until the time is over or something was found."""
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--seconds", type=int, default=60)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--corpus", type=Path, help="where atheris keeps what it finds")
        parser.add_argument("--plain", action="store_true", help="our own fuzzer even if there is atheris")
        options = parser.parse_args()
        if options.plain or importlib.util.find_spec("atheris") is None:
            Plain(self, options.seed).run(options.seconds)
            return
        atheris = importlib.import_module("atheris")
        for function in self.functions():
            function.__code__ = atheris.instrument_func(function).__code__
        arguments = [sys.argv[0], f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-max_len=4096"]
        arguments += ["-verbosity=0", "-print_final_stats=1", f"-dict={self.dictionary}"]
        if options.corpus is not None:
            arguments.append(str(options.corpus))
        atheris.Setup(arguments, self.check)
        atheris.Fuzz()


class Plain:
    """A small coverage-guided fuzzer: no dependencies, the same samples for the same seed."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.twins = twins
        self.rng = Random(seed)
        self.corpus = list(twins.samples())
        self.files = {module.__file__ for module in twins.modules}
        self.seen: set[tuple[str, int, int]] = set()
        self.fresh = False
        self.previous = 0
        self.runs = 0

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        pair = (frame.f_code.co_filename, self.previous, frame.f_lineno)
        if pair not in self.seen:
            self.seen.add(pair)
            self.fresh = True
        self.previous = frame.f_lineno
        return self._trace

    def once(self, sample: bytes) -> None:
        """Try one sample; keep it if it led somewhere new."""
        self.fresh, self.previous = False, 0
        sys.settrace(self._trace)
        try:
            self.twins.check(sample)
        finally:
            sys.settrace(None)
        self.runs += 1
        if self.fresh:
            self.corpus.append(sample)

    def run(self, seconds: float) -> None:
        """Fuzz for so long."""
        end = time.monotonic() + seconds
        for sample in list(self.corpus):
            self.once(sample)
        while time.monotonic() < end:
            self.once(self.twins.change(self.rng, self.corpus)[:4000])
        print(f"plain fuzzer: {self.runs} runs, {len(self.seen)} pairs of lines, corpus {len(self.corpus)}")


def spliced(rng: Random, sample: bytes, corpus: list[bytes]) -> bytes:
    """Return a sample, now and then with the end of another one."""
    if rng.random() < 0.2:
        other = rng.choice(corpus)
        sample = sample[: rng.randrange(len(sample) + 1)] + other[rng.randrange(len(other) + 1) :]
    return sample


def _libfuzzer(harness: Path, dictionary: Path, include: Path, seconds: int, folder: Path) -> int:
    """Build and run a harness; its exit status."""
    clang = shutil.which("clang")
    if clang is None:
        print("libFuzzer: skipped, there is no clang")
        return 0
    program = folder / "harness"
    built = subprocess.run([clang, *FLAGS, f"-I{include}", str(harness), "-o", str(program)], check=False)
    if built.returncode:
        return built.returncode
    run = [str(program), f"-max_total_time={seconds}", "-max_len=8192", "-print_final_stats=1", "-verbosity=0"]
    run += [f"-dict={dictionary}", f"-artifact_prefix={folder}/", str(folder / "corpus")]
    return subprocess.run(run, check=False).returncode


def _differential(module: str, seconds: int, folder: Path) -> int:
    """Run the differential fuzzer in its own process; its exit status."""
    run = [sys.executable, "-m", module, f"--seconds={seconds}", f"--corpus={folder / 'corpus'}"]
    return subprocess.run(run, cwd=ROOT, check=False).returncode


def fuzz_both(description: str | None, here: Path, dictionary: str) -> int:
    """Run both fuzzers of the package in folder `here`; 1 where something was found."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="a folder to keep what is found; without it, nothing is kept")
    options = parser.parse_args()
    tested = here.parent.relative_to(ROOT / "tests")
    module = ".".join(("tests", *tested.parts, here.name, "differential"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if options.corpus is None else options.corpus.resolve()
        (folder / "corpus").mkdir(parents=True, exist_ok=True)
        for index, sample in enumerate(importlib.import_module(module).TWINS.samples()):
            (folder / "corpus" / f"seed-{index:03}").write_bytes(sample)
        half = max(1, options.seconds // 2)
        found = [
            _libfuzzer(here / "harness.c", here / dictionary, ROOT / tested, half, folder),
            _differential(module, half, folder),
        ]
    print(f"fuzzing: {'something was found' if any(found) else 'nothing found'}")
    return int(any(found))


def run_fuzzer(module: str, *arguments: str) -> None:
    """Run a fuzzer in its own process, and fail where it has found something."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-8000:]
