"""Feeds the compiled HPACK and its twin the same histories, guided by the twin's coverage, until they differ.

With `atheris` where it can be imported; else a mutation fuzzer of our own, seeded, that keeps what reaches a new pair
of lines in the twin. A difference is written to a file and ends the run with an exception. Samples are those of the C
harness: what is a history there is one here.

    python -m tests.noderouter.proxy.http2.fuzz.differential --seconds 60 [--seed 1] [--corpus FOLDER] [--plain]
"""

import argparse
import importlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType, FunctionType, ModuleType
from typing import Any

from noderouter.proxy.http import grammar
from noderouter.proxy.http2 import _hpack, decoder_pure, encoder_pure, field_rules, hpack_pure, huffman
from noderouter.proxy.http2.field_rules import HpackError
from tests.noderouter.proxy.http2.blocks import mutate, random_block, random_lines

SIZES = (4096, 0, 60, 300, 1000, 8192, 65535, 65536)
STATUSES = (200, 204, 206, 304, 400, 404, 500, 103, 418)
KINDS = ("request", "response", "trailers")
TWIN = (decoder_pure, encoder_pure, field_rules, huffman, grammar)


class Difference(AssertionError):
    """The two disagree."""


def history(module: ModuleType, sample: bytes) -> list[Any]:
    """What an implementation answers to a history, up to the first error of the connection."""
    one, two, steps = sample[0], sample[1], sample[2:]
    decoder = module.Decoder(
        SIZES[one & 7], 61440 if two & 1 else 500, 512 if two & 2 else 6, extended_connect=two & 4 != 0
    )
    encoder = module.Encoder(SIZES[one >> 3 & 7])
    said: list[Any] = []
    while len(steps) >= 3:
        what, size = steps[0], int.from_bytes(steps[1:3], "big")
        text, steps = steps[3 : 3 + size], steps[3 + size :]
        never = (b"x", b":status", b":method") if what & 8 else None
        try:
            match what & 7:
                case 0 | 1 | 2 as kind:
                    said.append(getattr(decoder, KINDS[kind])(text, 0, len(text)))
                case 3:
                    decoder.acknowledged()
                case 4:
                    encoder.resize(int.from_bytes(text[:2], "big"))
                case 5:
                    status = STATUSES[len(text) % len(STATUSES)]
                    said.append(encoder.response(1, what & 16 != 0, text[:5], status, len(text), never, text))
                case 6:
                    said.append(encoder.trailers(1, never, text))
                case _:
                    path = text.partition(b"\n")[0] or b"/"
                    said.append(encoder.request(1, True, b"", b"GET", b"http", b"a", path, None, -1, never, text))
        except (HpackError, ValueError) as error:
            said.append((type(error), str(error)))
            break
    return said


def check(sample: bytes) -> None:
    """Compare both on one sample.

    Raises:
        Difference: they disagree.
    """
    if len(sample) < 2:
        return
    if history(_hpack, sample) != history(hpack_pure, sample):
        raise Difference(f"C and twin differ on {sample!r}")


def random_history(rng: Random) -> bytes:
    """A sample of the grammar of `blocks`."""
    steps = [bytes([rng.choice([0, 0, rng.randrange(64)]), rng.choice([7, 7, rng.randrange(8)])])]
    for _ in range(rng.randrange(1, 8)):
        what = rng.randrange(32)
        text = random_block(rng, KINDS[what & 3]) if what & 7 < 3 else b"" if what & 7 == 3 else random_lines(rng)
        if what & 7 == 4:
            text = rng.choice([0, 100, 4096, 65535]).to_bytes(2, "big")
        steps.append(bytes([what]) + len(text).to_bytes(2, "big") + text)
    return b"".join(steps)


def samples() -> Iterator[bytes]:
    """A first corpus."""
    rng = Random(1)
    yield from (random_history(rng)[:4000] for _ in range(200))


class Plain:
    """A small coverage-guided fuzzer: no dependencies, the same samples for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.corpus = list(samples())
        self.seen: set[tuple[str, int, int]] = set()
        self.fresh = False
        self.previous = 0
        self.runs = 0
        self.files = {module.__file__ for module in TWIN}

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
            sample = self.rng.choice(self.corpus) if self.rng.random() < 0.7 else random_history(self.rng)
            if self.rng.random() < 0.2:
                other = self.rng.choice(self.corpus)
                sample = sample[: self.rng.randrange(len(sample) + 1)] + other[self.rng.randrange(len(other) + 1) :]
            self.once(mutate(self.rng, sample)[:4000])
        print(f"plain fuzzer: {self.runs} runs, {len(self.seen)} pairs of lines, corpus {len(self.corpus)}")


def twin_functions() -> Iterator[FunctionType]:
    """The functions of the twin and of what it is built on."""
    for module in TWIN:
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        members = [*vars(module).values(), *(value for each in classes for value in vars(each).values())]
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
    arguments.append(f"-dict={Path(__file__).with_name('hpack.dict')}")
    if options.corpus is not None:
        arguments.append(str(options.corpus))
    atheris.Setup(arguments, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
