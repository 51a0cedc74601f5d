"""Feeds the compiled head parser and its twin the same bytes, guided by the twin's coverage, until they differ.

With `atheris` where it can be imported; else a mutation fuzzer of our own, seeded, that keeps what reaches a new pair
of lines in the twin. A difference is written to a file and ends the run with an exception.

    python -m tests.noderouter.proxy.http1.fuzz.differential --seconds 60 [--seed 1] [--corpus FOLDER] [--plain]
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType, FunctionType, ModuleType
from typing import Any

from noderouter.proxy.http import grammar
from noderouter.proxy.http1 import _head, fields, head_pure, start_line, target
from noderouter.proxy.http1.fields import HeadError
from noderouter.proxy.http1.head import split_absolute
from tests.noderouter.proxy.http1.heads import loosen, mutate, random_head
from tests.noderouter.proxy.http1.test_smuggling import REQUESTS, RESPONSES

LIMITS = (65536, 65536, 8192, 64, 20, 5, 1, 0)


class Difference(AssertionError):
    """The two parsers disagree, or one of them contradicts itself."""


def verdict(module: ModuleType, data: bytes, flags: int) -> Any:
    """What a parser says about `data`; `flags` are those of the C harness."""
    limits = LIMITS[flags >> 1 & 7], LIMITS[flags >> 4 & 7]
    try:
        if flags & 1:
            return module.parse_response(data, *limits, flags & 0x80 != 0)
        return module.parse_request(data, *limits)
    except HeadError as error:
        return error.status, error.reason


def check(sample: bytes) -> None:
    """Compare both parsers on one sample: flags, a place to cut, the head.

    Raises:
        Difference: they disagree, or the verdict on the beginning was not borne out.
    """
    if len(sample) < 2:
        return
    flags, data = sample[0], sample[2:]
    early = data[: sample[1] * len(data) // 256]
    said, said_early = verdict(_head, data, flags), verdict(_head, early, flags)
    if said != verdict(head_pure, data, flags) or said_early != verdict(head_pure, early, flags):
        raise Difference(f"C and twin differ on {sample!r}")
    if said_early is not None and said_early != said:
        raise Difference(f"a verdict changed on {sample!r}")
    if said is not None and len(said) == 9 and not said[2].startswith((b"/", b"*")) and said[1] != b"CONNECT":
        split_absolute(said[2])  # what was taken can be split


def samples() -> Iterator[bytes]:
    """A first corpus: the smuggling table and some of the grammar."""
    rng = Random(1)
    for response, table in enumerate((REQUESTS, RESPONSES)):
        yield from (bytes((response, 128)) + data for data, _ in table.values())
        yield from (bytes((response, 128)) + random_head(rng, bool(response))[:2000] for _ in range(100))
    yield from (b"\x81\x80" + loosen(rng, random_head(rng, True))[:2000] for _ in range(100))


class Plain:
    """A small coverage-guided fuzzer: no dependencies, the same samples for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.corpus = list(samples())
        self.seen: set[tuple[int, int]] = set()
        self.fresh = False
        self.previous = 0
        self.runs = 0

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != head_pure.__file__:
            return None
        pair = (self.previous, frame.f_lineno)
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
            check(sample)
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
            sample = self.rng.choice(self.corpus)
            if self.rng.random() < 0.3:
                sample = bytes((self.rng.randrange(256), self.rng.randrange(256))) + sample[2:]
            if self.rng.random() < 0.2:
                other = self.rng.choice(self.corpus)
                sample = sample[: self.rng.randrange(len(sample) + 1)] + other[self.rng.randrange(len(other) + 1) :]
            changed = loosen(self.rng, sample[2:]) if self.rng.random() < 0.1 else sample[2:]
            self.once((sample[:2] + mutate(self.rng, changed))[:4000])
        print(f"plain fuzzer: {self.runs} runs, {len(self.seen)} pairs of lines, corpus {len(self.corpus)}")


def twin_functions() -> Iterator[FunctionType]:
    """The functions of the twin and of what it is built on."""
    for module in (head_pure, start_line, target, fields, grammar):
        members = [*vars(module).values(), *vars(head_pure._Fields).values()]
        yield from (f for f in members if isinstance(f, FunctionType) and f.__module__ == module.__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="where atheris keeps what it finds")
    parser.add_argument("--plain", action="store_true", help="our own fuzzer even if there is atheris")
    options = parser.parse_args()
    if options.plain or importlib.util.find_spec("atheris") is None:
        Plain(options.seed).run(options.seconds)
        return
    atheris = importlib.import_module("atheris")
    for function in twin_functions():
        function.__code__ = atheris.instrument_func(function).__code__
    arguments = [sys.argv[0], f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-max_len=4096"]
    arguments += ["-verbosity=0", "-print_final_stats=1"]
    arguments.append(f"-dict={Path(__file__).with_name('http1.dict')}")
    if options.corpus is not None:
        arguments.append(str(options.corpus))
    atheris.Setup(arguments, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
