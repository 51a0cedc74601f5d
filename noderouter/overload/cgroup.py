"""The memory limit of this process's control group, and how much of it is used (Linux, cgroup v2 and v1).

What counts is what the kernel cannot take back by itself: memory and buffers of sockets, without the cache of files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOUNT: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")
UNLIMITED: Final = 2**60
"""What version 1 shows where there is no limit is above this."""


@dataclass(frozen=True, slots=True)
class Files:
    """The names of a version's files."""

    limit: str
    usage: str
    cache: tuple[str, ...]
    """Of `memory.stat`: what can be taken back."""


V2: Final = Files("memory.max", "memory.current", ("inactive_file", "active_file"))
V1: Final = Files("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))


@dataclass(frozen=True, slots=True)
class Group:
    """A control group with a limit."""

    folder: Path
    files: Files
    limit: int
    """In bytes, when it was found."""

    def used(self, worth_knowing: int = 0) -> int:
        """Return the bytes that count against the limit.

        Below `worth_knowing` the figure may hold the cache of files as well, which saves reading another file.

        Raises:
            OSError, ValueError: the group has gone, or its files are malformed.
        """
        usage = int((self.folder / self.files.usage).read_text())
        if usage < worth_knowing:
            return usage
        stat = _pairs((self.folder / "memory.stat").read_text())
        return max(0, usage - sum(stat.get(name, 0) for name in self.files.cache))


def limited_group(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> Group | None:
    """Return the group with the lowest limit among that of this process and those around it; None without a limit."""
    groups = [group for folder, files in _folders(mount, membership) if (group := _group(folder, files)) is not None]
    return min(groups, key=lambda group: group.limit, default=None)


def _folders(mount: Path, membership: Path) -> list[tuple[Path, Files]]:
    """Return the folders where limits may be, innermost first.

    In a container the path is often one that only the host sees; then the mount itself is the group.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, files = mount, V2
        elif "memory" in controllers.split(","):
            root, files = mount / "memory", V1
        else:
            continue
        inner = root / path.lstrip("/")
        found += [(folder, files) for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return found


def _group(folder: Path, files: Files) -> Group | None:
    try:
        text = (folder / files.limit).read_text().strip()
        limit = int(text) if text != "max" else UNLIMITED
        group = Group(folder, files, limit)
        group.used()
    except (OSError, ValueError):
        return None
    return group if 0 < limit < UNLIMITED else None


def _pairs(text: str) -> Mapping[str, int]:
    """Return the lines of `memory.stat`: a name and a number."""
    return {name: int(number) for name, _, number in (line.partition(" ") for line in text.splitlines()) if number}
