import os

import trio

from noderouter.naming.files.content import Present
from noderouter.naming.runtime import Runtime
from tests.noderouter.naming.fakes import Log
from tests.testing.busy import PATIENCE_SECONDS


async def test_a_runtime_watches_from_the_start_and_leaves_nothing_open(tmp_path):
    descriptors = len(os.listdir("/proc/self/fd"))
    async with trio.open_nursery() as nursery:
        runtime = Runtime.begin(nursery.start_soon, trio.current_time, Log())
        seen = []
        runtime.files.add(str(tmp_path / "file"), seen.append)
        (tmp_path / "file").write_text("x")
        with trio.fail_after(PATIENCE_SECONDS):
            while Present(b"x") not in seen:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert len(os.listdir("/proc/self/fd")) == descriptors
