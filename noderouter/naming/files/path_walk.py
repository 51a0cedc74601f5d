"""Walks a path the way the kernel does, and says on the way what must be watched to learn of any change.

A path can come to mean another file because a file in its directory is replaced, because a symbolic link on the way
is (that is how Kubernetes updates a mounted ConfigMap: `..data` is renamed over), or because a directory on the way
is moved, removed or created. So every step is watched, and watched *before* it is relied upon: a change is either
seen by the look or reported by the watch.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

MAX_STEPS: Final = 256
"""Names looked at for one path, links included; the kernel itself gives up after 40 links."""

AddWatch = Callable[[bytes, bytes | None], None]
"""`add_watch(directory, name)`: watch `name` in `directory`; `name` None: watch whether the directory itself goes."""


def walk(path: bytes, add_watch: AddWatch) -> tuple[bytes, os.stat_result | None]:
    """Find what the absolute `path` leads to; return its real path and its status, or None where something is missing.

    Raises:
        OSError: a directory may not be searched, or the links do not end (ELOOP).
    """
    todo = _names(path)
    here = b"/"
    for _ in range(MAX_STEPS):
        if not todo:
            return here, os.lstat(here)
        name = todo.pop()
        if name == b"..":
            here = os.path.dirname(here)
            continue
        full = os.path.join(here, name)
        before = _look(full)
        if todo and before is not None and stat.S_ISDIR(before.st_mode):
            add_watch(full, None)
        else:
            add_watch(here, name)
        status = _look(full)
        if _format(status) != _format(before):
            todo.append(name)  # it changed between looking and watching: this step again
        elif status is None:
            return full, None
        elif stat.S_ISLNK(status.st_mode):
            target = os.readlink(full)
            todo += _names(target)
            here = b"/" if target.startswith(b"/") else here
        elif todo and not stat.S_ISDIR(status.st_mode):
            return full, None
        else:
            here = full
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))


def _names(path: bytes) -> list[bytes]:
    """The names of a path, last first."""
    return [name for name in reversed(path.split(b"/")) if name not in (b"", b".")]


def _look(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _format(status: os.stat_result | None) -> int:
    return 0 if status is None else stat.S_IFMT(status.st_mode)
