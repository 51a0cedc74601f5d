"""What containerd has of images, prepared once: importing and unpacking them is most of a node's start.

A node gets hard links of the unpacked layers, which nobody writes to, and copies of the databases.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.process import Process

STARTED_SECONDS = 180.0
COMMAND_SECONDS = 300.0
KEPT = 3
"""Prepared sets of images that stay, for runs to come: the latest."""


def prepared(archives: Sequence[Path]) -> Path:
    """The folder with what containerd makes of the archives.

    Raises:
        subprocess.CalledProcessError: containerd refuses one.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "noderouter" / "containerd"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = hashlib.sha256(_version())
        for archive in archives:
            with archive.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        store = home / digest.hexdigest()[:16]
        if not store.exists():
            unfinished = home / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _import(unfinished, archives)
            unfinished.rename(store)
            known = sorted((each for each in home.iterdir() if each.is_dir()), key=lambda each: each.stat().st_mtime)
            for old in known[:-KEPT]:
                shutil.rmtree(old)
        store.touch()
    return store


def copy(store: Path, target: Path) -> None:
    """Give a node its own: databases are copied, all else is linked."""
    subprocess.run(["cp", "--archive", "--link", store, target], check=True)
    for database in target.rglob("*.db"):
        fresh = database.with_suffix(".new")
        shutil.copyfile(database, fresh)
        fresh.rename(database)


def _version() -> bytes:
    return subprocess.run(["containerd", "--version"], capture_output=True, check=True).stdout


def _import(root: Path, archives: Sequence[Path]) -> None:
    """Have a containerd of its own import the archives below `root`."""
    root.mkdir()
    state, address = root.with_name("unfinished-state"), root.with_name("unfinished.sock")
    argv: list[str | Path] = [
        "unshare",
        "--mount",
        "containerd",
        "--root",
        root,
        "--state",
        state,
        "--address",
        address,
    ]
    containerd = Process("containerd", argv, root.with_name("unfinished.log"))
    ctr: list[str | Path] = ["ctr", "--address", address, "--namespace", "k8s.io"]
    containerd.start()
    try:
        containerd.wait(lambda: subprocess.run([*ctr, "version"], capture_output=True).returncode == 0, STARTED_SECONDS)
        for archive in archives:
            subprocess.run([*ctr, "image", "import", archive], check=True, stdout=sys.stderr, timeout=COMMAND_SECONDS)
    finally:
        containerd.stop(grace=10.0)
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    began = time.monotonic()
    print(prepared([Path(each) for each in sys.argv[1:]]), f"{time.monotonic() - began:.1f} s")
