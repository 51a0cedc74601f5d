"""Feeds the compiled HPACK and its twin the same histories, guided by the twin's coverage, until they differ.

With `atheris` where it can be imported; else a mutation fuzzer of our own, seeded, that keeps what reaches a new pair
of lines in the twin. A difference is written to a file and ends the run with an exception. Samples are those of the C
harness: what is a history there is one here.

    python -m tests.noderouter.proxy.http2.fuzz.differential --seconds 60 [--seed 1] [--corpus FOLDER] [--plain]
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from noderouter.proxy.http import grammar
from noderouter.proxy.http2 import _hpack, decoder_pure, encoder_pure, field_rules, hpack_pure, huffman
from noderouter.proxy.http2.field_rules import HpackError
from tests.noderouter.proxy.http2.blocks import mutate, random_block, random_lines
from tests.testing.fuzzing import Difference, Twins, spliced

SIZES = (4096, 0, 60, 300, 1000, 8192, 65535, 65536)
STATUSES = (200, 204, 206, 304, 400, 404, 500, 103, 418)
KINDS = ("request", "response", "trailers")


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


def change(rng: Random, corpus: list[bytes]) -> bytes:
    """Make the next sample."""
    sample = rng.choice(corpus) if rng.random() < 0.7 else random_history(rng)
    return mutate(rng, spliced(rng, sample, corpus))


TWINS = Twins(
    check,
    samples,
    change,
    (decoder_pure, encoder_pure, field_rules, huffman, grammar),
    Path(__file__).with_name("hpack.dict"),
)

if __name__ == "__main__":
    TWINS.fuzz(__doc__)
