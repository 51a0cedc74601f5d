"""What is found where a path leads: a file's bytes, a directory, nothing, or why it could not be read."""

import os
import stat
from dataclasses import dataclass
from typing import Final

MAX_FILE_BYTES: Final = 500 * 1024


@dataclass(frozen=True, slots=True)
class Missing:
    """There is nothing, or something that is neither a file nor a directory."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory."""


@dataclass(frozen=True, slots=True)
class Present:
    """A regular file with its bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is something that may not or cannot be read."""

    reason: str


Content = Missing | Directory | Present | Unreadable

Signature = tuple[int, ...]
"""Changes whenever a file does; for polling and for noticing a writer at work."""


def signature(status: os.stat_result | None) -> Signature:
    """Return the signature of a file's status; empty where there is no file."""
    if status is None:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_content(real: bytes, status: os.stat_result | None, limit: int) -> Content:
    """Read what a path without links leads to; `status` is what was found there a moment ago.

    Never blocks on a FIFO and never follows a link that was put there meanwhile.
    """
    if status is None:
        return Missing()
    if stat.S_ISDIR(status.st_mode):
        return Directory()
    if not stat.S_ISREG(status.st_mode):
        return Missing()
    if status.st_size > limit:
        return Unreadable(f"larger than {limit} bytes")
    try:
        data = _read_bytes(real, limit + 1)
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        return Unreadable(str(error.strerror))
    return Present(data) if len(data) <= limit else Unreadable(f"larger than {limit} bytes")


def _read_bytes(real: bytes, count: int) -> bytes:
    """Return the first `count` bytes of a file, or all there are."""
    fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        data = b""
        while len(data) < count and (piece := os.read(fd, count - len(data))):
            data += piece
        return data
    finally:
        os.close(fd)
