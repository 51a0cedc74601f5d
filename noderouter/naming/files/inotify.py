"""Linux's inotify (man 7 inotify), as far as the file watcher needs it.

There is no binding in Python's standard library; these are the three system calls through ctypes and the decoding of
`struct inotify_event`. Nothing here waits: the descriptor is non-blocking, and is awaited by who owns it.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MODIFY: Final = 0x002
ATTRIB: Final = 0x004
CLOSE_WRITE: Final = 0x008
MOVED_FROM: Final = 0x040
MOVED_TO: Final = 0x080
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
ONLY_DIRECTORY: Final = 0x0100_0000
NO_LINK: Final = 0x0200_0000
ADD_TO_MASK: Final = 0x2000_0000

_HEAD = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024
_MAX_READS: Final = 16


@dataclass(frozen=True, slots=True)
class InotifyEvent:
    """A change of `name` in the directory that `watch` stands for, or of that directory itself."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """One inotify instance: a descriptor (`fileno`) that becomes readable when a watched directory changes."""

    def __init__(self) -> None:
        """Open an instance.

        Raises:
            OSError: the user's limit of instances or of descriptors is reached (EMFILE, ENFILE), or there is no
                inotify here (ENOSYS).
        """
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except AttributeError as error:
            raise OSError("this C library has no inotify") from error
        self._fd = self._checked(fd, b"inotify_init1")

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def add(self, directory: bytes, mask: int) -> int:
        """Watch `directory`; return the number of the watch, the same for the same directory.

        Raises:
            OSError: it is no directory, may not be read, or the limit of watches is reached (ENOSPC).
        """
        watch = self._libc.inotify_add_watch(self._fd, directory, ctypes.c_uint32(mask | ONLY_DIRECTORY))
        return self._checked(watch, directory)

    def remove(self, watch: int) -> None:
        """Stop a watch; harmless if the kernel has removed it already."""
        self._libc.inotify_rm_watch(self._fd, watch)

    def read(self) -> Iterator[InotifyEvent]:
        """Yield changes not read yet; of a flood only the beginning, so that others get their turn."""
        for _ in range(_MAX_READS):
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return
            yield from decode(data)

    def close(self) -> None:
        """Close the descriptor, and with it every watch; only the first call does anything."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _checked(self, answer: int, subject: bytes) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fsdecode(subject))
        return answer


def decode(data: bytes) -> Iterator[InotifyEvent]:
    """Split what the kernel wrote into events; it never writes half an event."""
    position = 0
    while position < len(data):
        watch, mask, _cookie, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        name = data[position : position + length].rstrip(b"\0")
        position += length
        yield InotifyEvent(watch, mask, name)
