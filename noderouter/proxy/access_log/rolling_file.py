"""A file that lines are appended to, put aside when its time has come (docs/linkerd1.md section 2.4).

Used by the thread of `AccessLogFile` only: every call may block for as long as a disk does. The file is opened for
each batch: so it can be moved away by other tools, nothing is held open, and its size and time are read from the file
itself.

It may be a pipe, a terminal or `/dev/stdout`, too. Those are opened anew, so that not to block is ours alone and no
flag of whoever else writes there; lines go out whole, in writes that no other writer's can split (`PIPE_BUF`).
"""

import os
import re
import select
import stat
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Final

from noderouter.proxy.access_log.rotation import RollPolicy

WAIT_SECONDS: Final = 1.0
"""How long a pipe may take nothing before its batch waits for the next turn."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MODE: Final = 0o640
_MAX_SAME_NAME: Final = 1000
_PUT_ASIDE: Final = r"-[0-9]{8}(?:-[0-9]{2}(?:[0-9]{4})?)?(?:\.[0-9]+)?"
"""What stands between stem and suffix of files of ours; no others are ever deleted."""


class RollingFile:
    """Nothing is opened until the first `store`."""

    __slots__ = ("_clock", "_policy", "_rotate_count", "_rotated", "_truncate", "path")

    def __init__(
        self,
        path: Path,
        policy: RollPolicy | None = None,
        *,
        append: bool = True,
        rotate_count: int = -1,
        clock: Callable[[], float] = time,
    ) -> None:
        """See `AccessLogFile`."""
        self.path = path
        self._policy = policy or RollPolicy()
        self._rotate_count = rotate_count
        self._rotated = re.compile(re.escape(path.stem) + _PUT_ASIDE + re.escape(path.suffix))
        self._truncate = not append
        self._clock = clock

    def store(self, data: bytes) -> tuple[int, OSError | None]:
        """Append lines; answers how many bytes are in the file, and why not all of them."""
        done = 0
        file = -1
        try:
            file = self._open(len(data))
            regular = stat.S_ISREG(os.fstat(file).st_mode)
            while done < len(data):
                done += _write(file, data[done:] if regular else data[done : whole(data, done)])
        except OSError as error:
            return done, error
        finally:
            if file >= 0:
                os.close(file)
        return done, None

    def _open(self, adding: int) -> int:
        """A descriptor to append to, after the file was put aside if that is due."""
        file = os.open(self.path, _FLAGS | (os.O_TRUNC if self._truncate else 0), _MODE)
        self._truncate = False
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            return file
        if not self._policy.due(state.st_mtime, state.st_size, adding, self._clock()):
            return file
        os.close(file)
        self._put_aside(self._policy.name(state.st_mtime))
        return os.open(self.path, _FLAGS, _MODE)

    def _put_aside(self, name: str) -> None:
        """Rename the file, to a name that is free, and delete the oldest of those that are too many."""
        stem, suffix = self.path.stem, self.path.suffix
        for number in range(_MAX_SAME_NAME):
            target = self.path.with_name(f"{stem}-{name}{f'.{number}' if number else ''}{suffix}")
            if not os.path.lexists(target):
                os.rename(self.path, target)
                break
        else:
            raise FileExistsError(f"too many files {stem}-{name}.*")
        if self._rotate_count >= 0:
            old = [entry for entry in os.scandir(self.path.parent) if self._rotated.fullmatch(entry.name)]
            old.sort(key=lambda entry: (entry.stat().st_mtime, entry.name))
            for entry in old[: max(0, len(old) - self._rotate_count)]:
                os.unlink(entry.path)


def whole(data: bytes, start: int) -> int:
    """The end of as many whole lines as fit into one write that is not split, or of one line that is longer."""
    end = data.rfind(b"\n", start, start + select.PIPE_BUF) + 1
    return end or data.find(b"\n", start) + 1 or len(data)


def _write(file: int, data: bytes) -> int:
    """One write; a pipe that is full is waited for, but not for long."""
    try:
        return os.write(file, data)
    except BlockingIOError:
        room = select.poll()
        room.register(file, select.POLLOUT)
        room.poll(WAIT_SECONDS * 1000)
        return os.write(file, data)
