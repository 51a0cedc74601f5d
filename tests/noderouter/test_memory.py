"""Memory that a burst has left goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

BURST = """
import trio
from noderouter import memory

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

async def main():
    memory.TRIM_SECONDS = 0.01
    kept = []
    for _ in range(30_000):  # every other piece goes: the heap does not shrink by itself
        piece = bytes(2000)
        kept.append(bytes(10))
        kept.append(bytearray(2000))
        kept.append(piece)
    pin = kept[1::60]
    kept.clear()
    before = resident_mb()
    with trio.move_on_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(memory.keep_trimmed)
            while resident_mb() > before / 2:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    print(before, resident_mb(), len(pin))

trio.run(main)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_a_burst_leaves_goes_back():
    done = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True, timeout=60)
    before, after, _ = map(float, done.stdout.split())
    assert after < before / 2


def test_without_glibc_nothing_is_done():
    code = (
        "import ctypes, trio; ctypes.CDLL = lambda name: object(); "
        "from noderouter import memory; trio.run(memory.keep_trimmed)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
