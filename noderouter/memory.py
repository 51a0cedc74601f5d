"""The memory of the process: spare the collector what lives long, and give back what bursts have left.

Neither requests nor connections leave cycles behind, and evicted names few: counting references frees them. The
collector is there for the rest, and must not stop the traffic to look at all that is alive: with a thousand names that
is 0.2 s. So what has grown old is looked at once, in portions, and then set aside (*frozen*), until that has grown by
a tenth: what was set aside alive may be garbage by then.

What a burst leaves behind is free memory that the C library keeps for the next one: `keep_trimmed` gives it back to the
system, which it does by itself only at the end of its heap. And `keep_large_apart`, for a hole that a large block has
left is soon full of small ones that live long, so that the next large one makes the heap grow.
"""

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import thread_time
from typing import Final

import trio

TRIM_SECONDS: Final = 30.0
"""Between two looks."""
PORTION: Final = 5_000
"""Objects that have grown old: so many are collected, and what is left of them frozen. A pause of some 3 ms."""
PORTION_SECONDS: Final = 0.1
"""Between two looks at how many there are."""
THAW_SECONDS: Final = 3600.0
"""Between two collections of everything, for cycles of what was set aside alive."""
THAW_GROWTH: Final = 1.1
"""Where so many times what the last one left has been set aside, there is one soon: it grew, or is garbage."""
THAW_SHARE: Final = 0.005
"""Of the time for such collections, at most: connections that come and go in crowds grow old, too, and soon go."""
NEVER: Final = 1_000_000

LARGE_BYTES: Final = 256 * 1024
"""Of a block; those of the data path are smaller."""
SPARE_BYTES: Final = 4 << 20
"""At the end of the heap: what is asked for again at once need not go back to the system each time."""
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
"""Both of malloc.h; setting them ends that glibc raises them with each large block that is freed."""


def keep_large_apart() -> None:
    """Have each large block be the system's own mapping, which ends with it, where the C library can."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, SPARE_BYTES)


def settle() -> None:
    """After the start: modules, configuration and stacks stay, and need not be looked at again.

    The collector looks by itself at what is young, only; the rest is up to `keep_settled`.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(1_000, 4, NEVER)


@contextmanager
def kept_apart() -> Iterator[None]:
    """Set aside at once what is made within: much in one piece, without cycles, that lives until its next of kin.

    Else it would be what has grown old, each time, and looked at. What is young before is collected, so that
    no garbage is set aside with it, and nothing is while it is made: it is all alive. But while `settle` has not been
    called, all this is not done.
    """
    if gc.get_threshold()[2] != NEVER:
        yield
        return
    gc.collect(1)
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


async def keep_settled() -> None:
    """Collect and set aside what has grown old, portion by portion, until cancelled."""
    thaw, left = trio.current_time() + THAW_SECONDS, gc.get_freeze_count()
    earliest = 0.0
    while True:
        await trio.sleep(PORTION_SECONDS)
        now = trio.current_time()
        thawing = now >= thaw
        if not thawing and len(gc.get_objects(generation=2)) < PORTION:
            continue
        gc.collect()
        gc.freeze()
        if thawing or (now >= earliest and gc.get_freeze_count() > THAW_GROWTH * left):
            began = thread_time()  # its own work: how busy others keep the machine does not make it dearer
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            now, left = trio.current_time(), gc.get_freeze_count()
            thaw, earliest = now + THAW_SECONDS, now + (thread_time() - began) / THAW_SHARE


async def keep_trimmed() -> None:
    """Trim from time to time, until cancelled; ends at once where the C library cannot."""
    while _trimmer() is not None:
        await trio.sleep(TRIM_SECONDS)
        await trim()


async def trim() -> None:
    """Give free memory back to the system, where the C library can."""
    trimmer = _trimmer()
    if trimmer is not None:
        # In a thread, because it takes milliseconds where much is free; ctypes lets the others run meanwhile.
        await trio.to_thread.run_sync(trimmer, 0)


@cache
def _trimmer() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`; musl keeps less in the first place."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
