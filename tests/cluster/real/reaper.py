"""Cleans up behind a cluster, also where its tests were killed: `python -m tests.cluster.real.reaper FOLDER GROUP`.

Processes, mounts and networks end with the namespaces that they are in. What does not are control groups and files.
Its standard input is a pipe that the tests hold: when that ends, whatever ended it, the cluster is gone or going.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

CONTROLLERS = Path("/sys/fs/cgroup")
PATIENCE_SECONDS = 20.0


def groups(name: str) -> list[Path]:
    """The control groups of that name, and those below, in all hierarchies; the innermost first."""
    tops = [path for path in [CONTROLLERS / name, *CONTROLLERS.glob(f"*/{name}")] if path.is_dir()]
    return [Path(folder) for top in tops for folder, _, _ in os.walk(top, topdown=False)]


def remove(name: str) -> None:
    """End what runs in the groups, and remove them."""
    end = time.monotonic() + PATIENCE_SECONDS
    while found := groups(name):
        for group in found:
            try:
                for pid in (group / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
                group.rmdir()
            except OSError:
                continue  # still in use, or gone meanwhile
        if time.monotonic() > end:
            sys.exit(f"control groups are left: {found}")
        time.sleep(0.05)


def main(folder: str, group: str) -> None:
    """Wait for the end, and clean up."""
    sys.stdin.buffer.read()
    remove(group)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
