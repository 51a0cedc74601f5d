"""Seeded cases, one after the other, so that one that fails can be played again by its seed."""

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count


def play_all(play: Callable[[int], object], seeds: Iterable[int]) -> int:
    """Play a case for each seed; return how many. What is wrong says which seed it was."""
    played = 0
    for seed in seeds:
        try:
            play(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        played += 1
    return played


def main(play: Callable[[int], object], about: str | None) -> None:
    """Play cases for a while, by the command line of a fuzzer; `about` says what it does."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{play_all(play, _for(options.seconds, options.seed))} cases, pid {os.getpid()}")


def _for(seconds: float, first: int) -> Iterator[int]:
    end = time.monotonic() + seconds
    for seed in count(first):
        if time.monotonic() >= end:
            return
        yield seed
