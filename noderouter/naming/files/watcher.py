"""Watches files by name: reads each at once, and again after every change, however the change is made.

Renaming over, deleting and creating, editing in place, swapping a link or a directory on the way all count. A file
that is being written is not read half-way: reading waits until the writer closes it or pauses.

Rules:
    1. Events only say *when* to look; what is true is what a look finds. A lost event queue means: look at all.
    2. Watches are set before looking (see `path_walk.py`), so that the last change is never missed.
    3. Where the kernel has no watch left for us (ENOSPC, EMFILE), the files concerned are polled, and the log says so.
    4. A directory is watched while a file needs it and no longer.
"""

import errno
import math
import os
from collections.abc import Callable, Iterable
from itertools import islice
from logging import INFO, WARNING
from typing import Any, Final

import trio

from noderouter.core.background import Log
from noderouter.naming.files import inotify
from noderouter.naming.files.content import (
    MAX_FILE_BYTES,
    Content,
    Missing,
    Present,
    Signature,
    Unreadable,
    read_content,
    signature,
)
from noderouter.naming.files.inotify import Inotify
from noderouter.naming.files.path_walk import walk
from noderouter.naming.files.watch_table import Point, WatchTable

POLL_SECONDS: Final = 1.0
POLL_BATCH: Final = 200
"""Files looked at in one go while polling, so that other tasks get their turn."""
LOOK_BATCH: Final = 50
"""Files read in one go, for the same reason."""
SETTLE_SECONDS: Final = 0.1
"""How long a file must have been left alone before it is read, unless its writer has closed or renamed it."""
MAX_SETTLE_SECONDS: Final = 1.0
"""After this long a file is read although it is still being written to."""
MIN_INTERVAL_SECONDS: Final = 0.02
"""The least time between two reads of one file."""

_COMPLETE: Final = inotify.CLOSE_WRITE | inotify.MOVED_TO
_CHANGED_MEANWHILE: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""Refusals to watch a directory that only mean that it has changed meanwhile; the next look will see it."""

_HINTS: Final = {
    errno.ENOSPC: "raise the sysctl fs.inotify.max_user_watches",
    errno.EMFILE: "raise the sysctl fs.inotify.max_user_instances, or the limit of open files",
    errno.ENFILE: "the machine is out of file descriptors",
    errno.EACCES: "every directory on the way must be readable and searchable for the router",
}


class WatchedFile:
    """One path that is watched, and the callback for its content."""

    __slots__ = ("content", "dirty_since", "due", "load", "path", "points", "read_at", "seen", "within")

    def __init__(self, path: bytes, load: Callable[[Content], None], within: bytes | None) -> None:
        self.path = path
        self.load = load
        self.within = within
        self.points: set[Point] = set()
        self.content: Content = Missing()
        self.seen: Signature = ()
        self.read_at = 0.0
        self.due: float | None = None
        self.dirty_since: float | None = None

    def __repr__(self) -> str:
        return f"<WatchedFile {os.fsdecode(self.path)} {type(self.content).__name__}>"


class FileWatcher:
    """Watches any number of files. `run` must be running for changes to be seen."""

    def __init__(self, log: Log, *, settle: float = SETTLE_SECONDS, poll: float = POLL_SECONDS) -> None:
        """`settle` and `poll` are there for tests."""
        self._log = log
        self._settle = settle
        self._poll = poll
        self._files: dict[WatchedFile, None] = {}
        self._due: dict[WatchedFile, None] = {}
        self._polled: dict[WatchedFile, None] = {}
        self._kernel: Inotify | None = None
        self._table: WatchTable | None = None
        self._waiting: trio.CancelScope | None = None
        self._poll_at = 0.0
        self._complained = False
        self._open()

    def add(self, path: str, load: Callable[[Content], None], *, within: str | None = None) -> WatchedFile:
        """Watch an absolute path: `load` is called before this returns, and then for every other content.

        With `within`, only what really lies below that directory is read, wherever links lead.
        """
        file = WatchedFile(os.fsencode(path), load, None if within is None else os.fsencode(within))
        self._files[file] = None
        file.content = self._look(file)
        load(file.content)
        return file

    def remove(self, file: WatchedFile) -> None:
        """Stop watching."""
        for table in (self._files, self._due, self._polled):
            table.pop(file, None)
        self._set_points(file, set())

    def state(self) -> dict[str, Any]:
        """Return counts for the admin interface."""
        directories = 0 if self._table is None else len(self._table)
        return {"files": len(self._files), "directories": directories, "polled": len(self._polled)}

    def close(self) -> None:
        """Close the descriptor; what was read stays as it is."""
        if self._kernel is not None:
            self._kernel.close()
        self._kernel = self._table = None

    # When to look

    async def run(self) -> None:
        """Take in changes until cancelled; then close."""
        try:
            while True:
                await self._wait()
                self._take_events()
                now = trio.current_time()
                if self._polled and now >= self._poll_at:
                    self._poll_at = now + self._poll
                    self._poll_some()
                for file in self._due_by(now):
                    self._look_again(file)
        finally:
            self.close()

    def _due_by(self, now: float) -> list[WatchedFile]:
        """Return some of the files that are due; the others are next, when other tasks have had their turn."""
        return list(islice((file for file in self._due if file.due is not None and file.due <= now), LOOK_BATCH))

    async def _wait(self) -> None:
        """Wait until the kernel reports a change, or something is due."""
        poll = self._poll_at if self._polled else math.inf
        due = min((file.due for file in self._due if file.due is not None), default=math.inf)
        with trio.CancelScope(deadline=min(due, poll)) as self._waiting:
            if self._kernel is None:
                await trio.sleep_forever()
            else:
                await trio.lowlevel.wait_readable(self._kernel.fileno())
        self._waiting = None

    def _take_events(self) -> None:
        """Mark the files that events concern."""
        if self._kernel is None or self._table is None:
            return
        for event in self._kernel.read():
            if event.mask & inotify.OVERFLOW:
                self._log(WARNING, "files.events_lost", files=len(self._files))
                concerned: Iterable[WatchedFile] = self._files
            else:
                concerned = self._table.concerned(event)
            for file in concerned:
                self._touch(file, complete=bool(event.mask & _COMPLETE))

    def _touch(self, file: WatchedFile, *, complete: bool) -> None:
        """Note when to look at a file: soon if its writer is done with it, else when it was left alone a while."""
        now = trio.current_time()
        if file.dirty_since is None:
            file.dirty_since = now
        if complete:
            file.due = max(now, file.read_at + MIN_INTERVAL_SECONDS)
        else:
            file.due = min(now + self._settle, file.dirty_since + MAX_SETTLE_SECONDS)
        self._due[file] = None

    def _look_again(self, file: WatchedFile) -> None:
        """Read a file that is due, and report a changed content; not if it is being written just now."""
        file.due = None
        content = self._look(file)
        self._take_events()
        patience = (file.dirty_since or 0.0) + MAX_SETTLE_SECONDS
        if trio.current_time() < patience:
            if file.due is not None:
                return
            if content == Present(b"") and isinstance(file.content, Present) and file.content.data:
                # An edit in place begins by emptying the file, and its writer may take a while to fill it.
                file.due = patience
                self._due[file] = None
                return
        file.dirty_since = None if file.due is None else trio.current_time()
        if content != file.content:
            file.content = content
            file.load(content)

    # Looking

    def _look(self, file: WatchedFile) -> Content:
        """Return the content now, after watches were set that report any change from here on."""
        try:
            real, status = self._follow(file)
        except OSError as error:
            return Unreadable(str(error.strerror))
        file.seen = signature(status)
        file.read_at = trio.current_time()
        # Where no link was met, the real path is the one that was asked for.
        if file.within is not None and real != file.path and not is_below(real, os.path.realpath(file.within)):
            return Unreadable(f"leads outside of {os.fsdecode(file.within)}")
        return read_content(real, status, MAX_FILE_BYTES)

    def _follow(self, file: WatchedFile) -> tuple[bytes, os.stat_result | None]:
        """Walk the path; afterwards the file is polled exactly if it could not be watched."""
        points: set[Point] = set()
        refused: OSError | None = None

        def add_watch(directory: bytes, name: bytes | None) -> None:
            nonlocal refused
            try:
                if self._table is not None:
                    points.add(self._table.add(directory, name, file))
            except OSError as error:
                if error.errno not in _CHANGED_MEANWHILE:
                    refused = error

        try:
            return walk(file.path, add_watch)
        except OSError as error:
            if error.errno not in _CHANGED_MEANWHILE:
                refused = error
            raise
        finally:
            self._set_points(file, points)
            self._polled.pop(file, None)
            if refused is not None or self._table is None:
                self._polled[file] = None
                self._complain(refused)
                self._wake_by(self._poll_at)

    def _set_points(self, file: WatchedFile, points: set[Point]) -> None:
        if self._table is not None:
            for point in file.points - points:
                self._table.remove(point, file)
        file.points = points

    # Without watches

    def _open(self) -> None:
        try:
            self._kernel = Inotify()
            self._table = WatchTable(self._kernel)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError | None) -> None:
        """Log once that files have to be polled, and why."""
        if not self._complained and error is not None:
            self._complained = True
            hint = _HINTS.get(error.errno or 0, "")
            self._log(WARNING, "files.polling", reason=str(error), every_seconds=self._poll, hint=hint)

    def _poll_some(self) -> None:
        """Compare signatures of files that are not watched, and try again to watch them."""
        if self._kernel is None:
            self._open()
        for file in list(islice(self._polled, POLL_BATCH)):
            try:
                _, status = self._follow(file)
            except OSError:
                status = None
            if file.due is None and signature(status) != file.seen:
                self._touch(file, complete=False)
        if not self._polled and self._complained:
            self._complained = False
            self._log(INFO, "files.watching_again")

    def _wake_by(self, deadline: float) -> None:
        """Shorten the wait that `run` is in."""
        if self._waiting is not None:
            self._waiting.deadline = min(self._waiting.deadline, deadline)


def is_below(real: bytes, root: bytes) -> bool:
    """Whether a real path is `root` or below it."""
    return real == root or real.startswith(root.rstrip(b"/") + b"/")
