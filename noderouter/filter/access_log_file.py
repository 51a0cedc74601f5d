"""The file behind an access log: batches, rolling, and a disk that is full (spec section 2.4).

`write` takes lines from the data path and only appends to a list; `flush` brings them to the file and is called by
the owner, about once a second, and here when a batch is large. The file is opened for each batch: so it can be moved
away by other tools, nothing is held open, and its size and time are read from the file itself.

A disk that is full or a directory that is gone never stops traffic: lines wait, up to `MAX_PENDING_BYTES`, and are
dropped and counted beyond that; it is reported once, and once when it is over.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Final

from noderouter.filter.roll_policy import RollPolicy

BATCH_BYTES: Final = 256 * 1024
MAX_PENDING_BYTES: Final = 2 * 1024 * 1024

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MODE: Final = 0o640
_MAX_SAME_NAME: Final = 1000
_PUT_ASIDE: Final = r"-[0-9]{8}(?:-[0-9]{2}(?:[0-9]{4})?)?(?:\.[0-9]+)?"
"""What stands between stem and suffix of files of ours; no others are ever deleted."""


class AccessLogFile:
    """Lines on their way to a file.

    Attributes:
        path: the file that is written.
        written: lines that are in the file.
        dropped: lines that were lost because the file could not be written for too long.
        error: what is wrong with the file now, or None.
    """

    __slots__ = (
        "_clock",
        "_lines",
        "_pending_bytes",
        "_policy",
        "_report",
        "_rotate_count",
        "_rotated",
        "_truncate",
        "dropped",
        "error",
        "path",
        "written",
    )

    def __init__(
        self,
        path: Path,
        policy: RollPolicy | None = None,
        *,
        append: bool = True,
        rotate_count: int = -1,
        report: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        """Nothing is opened yet.

        Args:
            path: the file; its directory must exist.
            policy: when it is put aside; never if None.
            append: keep what is in the file from an earlier run.
            rotate_count: how many files that were put aside are kept; all if negative.
            report: is told in words when writing begins to fail, and when it works again.
            clock: the time of day in seconds.
        """
        self.path = path
        self.written = 0
        self.dropped = 0
        self.error: str | None = None
        self._policy = policy or RollPolicy()
        self._rotate_count = rotate_count
        self._rotated = re.compile(re.escape(path.stem) + _PUT_ASIDE + re.escape(path.suffix))
        self._truncate = not append
        self._report = report
        self._clock = clock
        self._lines: list[bytes] = []
        self._pending_bytes = 0

    def __repr__(self) -> str:
        return f"<AccessLogFile {self.path} pending={self._pending_bytes} dropped={self.dropped} error={self.error}>"

    def write(self, line: bytes) -> None:
        """Take a line, which has its end."""
        size = self._pending_bytes + len(line)
        if size > MAX_PENDING_BYTES:
            self.dropped += 1
            return
        self._lines.append(line)
        self._pending_bytes = size
        if size >= BATCH_BYTES and self.error is None:
            self.flush()

    def flush(self) -> None:
        """Bring all lines to the file; never raises OSError."""
        if not self._lines:
            return
        try:
            self._store()
        except OSError as error:
            if self.error is None:
                self._tell(f"access log {self.path} cannot be written: {error}; lines wait, then are dropped")
            self.error = str(error)
        else:
            if self.error is not None:
                self._tell(f"access log {self.path} is written again; {self.dropped} lines were lost so far")
            self.error = None

    def _store(self) -> None:
        data = b"".join(self._lines)
        file = self._open(len(data))
        done = 0
        try:
            while done < len(data):
                done += os.write(file, data[done:])
        finally:  # what a full disk took of the batch must not be written twice
            rest = data[done:]
            self.written += data.count(b"\n", 0, done)
            self._lines = [rest] if rest else []
            self._pending_bytes = len(rest)
            os.close(file)

    def _open(self, adding: int) -> int:
        """A descriptor to append to, after the file was put aside if that is due."""
        file = os.open(self.path, _FLAGS | (os.O_TRUNC if self._truncate else 0), _MODE)
        self._truncate = False
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode):
            return file  # a pipe or a terminal
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

    def _tell(self, text: str) -> None:
        if self._report is not None:
            self._report(text)
