"""Feeds the compiled head parser and its twin the same bytes, guided by the twin's coverage, until they differ.

With `atheris` where it can be imported; else a mutation fuzzer of our own, seeded, that keeps what reaches a new pair
of lines in the twin. A difference is written to a file and ends the run with an exception.

    python -m tests.noderouter.proxy.http1.fuzz.differential --seconds 60 [--seed 1] [--corpus FOLDER] [--plain]
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from noderouter.proxy.http import grammar
from noderouter.proxy.http1 import _head, fields, head_pure, start_line, target
from noderouter.proxy.http1.fields import HeadError
from noderouter.proxy.http1.head import split_absolute
from tests.noderouter.proxy.http1.heads import loosen, mutate, random_head
from tests.noderouter.proxy.http1.test_smuggling import REQUESTS, RESPONSES
from tests.testing.fuzzing import Difference, Twins, spliced

LIMITS = (65536, 65536, 8192, 64, 20, 5, 1, 0)


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


def change(rng: Random, corpus: list[bytes]) -> bytes:
    """Make the next sample."""
    sample = rng.choice(corpus)
    if rng.random() < 0.3:
        sample = bytes((rng.randrange(256), rng.randrange(256))) + sample[2:]
    sample = spliced(rng, sample, corpus)
    changed = loosen(rng, sample[2:]) if rng.random() < 0.1 else sample[2:]
    return sample[:2] + mutate(rng, changed)


TWINS = Twins(
    check, samples, change, (head_pure, start_line, target, fields, grammar), Path(__file__).with_name("http1.dict")
)

if __name__ == "__main__":
    TWINS.fuzz(__doc__)
