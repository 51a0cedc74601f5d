"""Runs buildah, on a storage of its own that is gone afterwards."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OFFLINE = re.compile(
    "Temporary failure resolving|Could not resolve|Could not connect|No matching distribution|"
    "Failed to establish a new connection|Name or service not known"
)


class Unavailable(Exception):
    """Says why no image can be built on this machine."""


def need(*commands: str) -> None:
    """Look for what building takes.

    Raises:
        Unavailable: not root, or a command is missing.
    """
    if os.geteuid() != 0:
        raise Unavailable("building an image needs root")
    for command in commands:
        if shutil.which(command) is None:
            raise Unavailable(f"{command} is not installed")


def run(*argv: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a command and return its standard output.

    Raises:
        Unavailable: packages cannot be fetched.
        RuntimeError: it failed for another reason; has all that it said.
    """
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}"
        if OFFLINE.search(said):
            raise Unavailable("packages cannot be fetched")
        raise RuntimeError(f"{' '.join(map(str, argv))}: status {done.returncode}\n{said}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with its storage in one folder."""

    folder: Path

    def __call__(self, *args: str | Path) -> str:
        """Run one of its commands and return what that prints."""
        # chroot: no runtime is needed, and no control groups; without overlayfs, layers are copied.
        overlay = "\toverlay\n" in Path("/proc/filesystems").read_text()
        chosen = {"STORAGE_DRIVER": "overlay" if overlay else "vfs", "BUILDAH_ISOLATION": "chroot"}
        places = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        return run("buildah", *places, *args, env=chosen | os.environ).strip()

    def image_of(self, archive: Path) -> str:
        """Load a docker-archive and return the identity of its image."""
        return self("pull", "--quiet", f"docker-archive:{archive}")

    @contextmanager
    def root_of(self, image: str) -> Iterator[Path]:
        """Mount the file system of an image."""
        container = self("from", "--pull-never", image)
        try:
            yield Path(self("mount", container))
        finally:
            self("rm", container)


@contextmanager
def buildah() -> Iterator[Buildah]:
    """Give a buildah that knows no image, and delete what it comes to know."""
    need("buildah")
    # Not in /tmp, which may be in memory: a build takes a gigabyte or two.
    with tempfile.TemporaryDirectory(prefix="noderouter-image-", dir="/var/tmp") as folder:
        yield Buildah(Path(folder))
