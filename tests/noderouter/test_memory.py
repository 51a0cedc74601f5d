"""Memory that a burst has left goes back to the system; the collector does its work in portions."""

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


LARGE = """
import ctypes
from noderouter import memory

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"  # malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

info = ctypes.CDLL(None).mallinfo2
info.restype = Info
memory.keep_large_apart()
before = info().hblkhd
for _ in range(3):  # by itself glibc would take the second one from its heap
    large = bytearray(1 << 20)
    assert info().hblkhd >= before + (1 << 20)
    del large
    assert info().hblkhd == before
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library is no glibc from 2.33 on")
def test_large_blocks_leave_no_holes():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_without_glibc_nothing_is_done():
    code = (
        "import ctypes, trio; ctypes.CDLL = lambda name: object(); "
        "from noderouter import memory; memory.keep_large_apart(); trio.run(memory.keep_trimmed)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


SETTLED = """
import gc, trio, weakref
from noderouter import memory
from tests.testing.busy import PATIENCE_SECONDS

class Thing:
    pass

def cycle():
    thing = Thing()
    thing.self = thing
    return weakref.ref(thing)

async def until(condition):
    with trio.fail_after(PATIENCE_SECONDS):
        while not condition():
            await trio.sleep(0.01)

async def main():
    memory.PORTION, memory.PORTION_SECONDS, memory.THAW_SECONDS = 20_000, 0.01, {thaw}
    memory.THAW_GROWTH = {growth}
    memory.settle()
    lost = cycle()
    kept = [[] for _ in range(50_000)]
    await until(lambda: gc.get_count()[0] < 2_000 and gc.get_stats()[1]["collections"])
    frozen = gc.get_freeze_count()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(memory.keep_settled)
        {wait}
        nursery.cancel_scope.cancel()

trio.run(main)
"""


FROZEN_CYCLE = "late = cycle(); gc.freeze(); "


@pytest.mark.parametrize(
    ("thaw", "growth", "wait"),
    [
        (1000.0, 100.0, "await until(lambda: gc.get_freeze_count() >= frozen + 40_000 and lost() is None)"),
        (0.05, 100.0, FROZEN_CYCLE + "await until(lambda: late() is None)"),
        (1000.0, 1.25, FROZEN_CYCLE + "kept += [[] for _ in range(400_000)]; await until(lambda: late() is None)"),
    ],
    ids=["what is old is collected and set aside", "what was set aside is in the end", "and earlier where that grows"],
)
def test_the_collector_takes_portions(thaw, growth, wait):
    code = SETTLED.format(thaw=thaw, growth=growth, wait=wait)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


APART = """
import gc, weakref
from noderouter import memory
class Node: pass
def cycle():
    node = Node(); node.self = node
    return weakref.ref(node)
with memory.kept_apart():
    early = [[] for _ in range(1000)]
assert gc.get_freeze_count() == 0
memory.settle()
lost, frozen = cycle(), gc.get_freeze_count()
with memory.kept_apart():
    assert lost() is None
    made = [[] for _ in range(20_000)]
assert gc.get_freeze_count() >= frozen + 20_000
assert len(gc.get_objects(generation=2)) < 100
made = None
assert gc.get_freeze_count() < frozen + 1000
"""


def test_what_lives_until_its_next_of_kin_never_grows_old():
    done = subprocess.run([sys.executable, "-c", APART], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
