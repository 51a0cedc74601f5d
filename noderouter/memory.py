"""The memory of the process: spare the collector what lives for ever, and give back what bursts have left.

Requests make almost no cyclic garbage, and names that are evicted little. What a burst leaves behind is free memory
that the C library keeps for the next one: `trim` gives it back to the system, which it does by itself only at the
end of its heap.
"""

import ctypes
import gc
from typing import Final

import trio

TRIM_SECONDS: Final = 30.0
"""Between two looks."""


def settle() -> None:
    """After the start: modules, configuration and stacks stay, and need not be looked at again.

    A full collection comes with every few hundred evicted names, and walks only what came later.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(2_000, 10, 5)


async def keep_trimmed() -> None:
    """Trim from time to time, until cancelled; ends at once where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; musl keeps less in the first place
    while trim is not None:
        await trio.sleep(TRIM_SECONDS)
        # In a thread, because it takes milliseconds where much is free; ctypes lets the others run meanwhile.
        await trio.to_thread.run_sync(trim, 0)
