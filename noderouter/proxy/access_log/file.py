"""The file behind an access log: batches, and a disk that is full or stands still (docs/linkerd1.md section 2.4).

    write (data path) -> lines -> flush (its owner, about twice a second) -> a thread -> RollingFile, StandardOutput

`write` only appends. `flush` hands all lines to the thread, if that has nothing to do; `write` calls it where a batch
is large. Nothing here touches the file: a disk that stands still, a pipe or a terminal that nobody reads hold up the
thread, and nobody else.

What cannot be written never stops traffic: lines wait, up to `MAX_PENDING_BYTES`, and are dropped and counted beyond
that; it is reported once, and once when it is over.
"""

from _thread import start_new_thread
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from time import time
from typing import Final

from noderouter.proxy.access_log.rolling_file import RollingFile
from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.proxy.access_log.standard_output import NAME, StandardOutput

BATCH_BYTES: Final = 256 * 1024
MAX_PENDING_BYTES: Final = 2 * 1024 * 1024
CLOSE_SECONDS: Final = 1.0
"""How long the end waits for lines that are not yet in the file."""


class AccessLogFile:
    """Lines on their way to a file. All calls come from one thread.

    Attributes:
        path: the file that is written.
        written: lines that are in the file.
        dropped: lines that were lost because the file could not be written for too long.
        error: what is wrong with the file now, or None.
    """

    __slots__ = (
        "_failing",
        "_file",
        "_handed_bytes",
        "_idle",
        "_inbox",
        "_lines",
        "_name",
        "_pending_bytes",
        "_report",
        "_rest",
        "_running",
        "_seen_dropped",
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
        """Nothing is opened or started yet.

        Args:
            path: the file; its directory must exist. `-` is standard output, which is never put aside.
            policy: when it is put aside; never if None.
            append: keep what is in the file from an earlier run.
            rotate_count: how many files that were put aside are kept; all if negative.
            report: is told in words, by `flush`, when writing begins to fail, and when it works again.
            clock: the time of day in seconds.
        """
        self.path = path
        self.written = 0
        self.dropped = 0
        self.error: str | None = None
        self._name = "on standard output" if str(path) == NAME else str(path)
        self._file: RollingFile | StandardOutput = (
            StandardOutput()
            if str(path) == NAME
            else RollingFile(path, policy, append=append, rotate_count=rotate_count, clock=clock)
        )
        self._report = report
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        self._failing = False
        self._seen_dropped = 0
        self._running = False
        self._idle = Event()  # until it is set, what follows is the thread's; else it is ours
        self._idle.set()
        self._rest = b""
        self._handed_bytes = 0
        self._inbox: SimpleQueue[list[bytes] | None] = SimpleQueue()

    def __repr__(self) -> str:
        return f"<AccessLogFile {self.path} pending={self.queued_bytes} dropped={self.dropped} error={self.error}>"

    @property
    def queued_bytes(self) -> int:
        """Of lines that are not in the file yet."""
        return self._pending_bytes + self._handed_bytes

    def write(self, line: bytes) -> None:
        """Take a line, which has its end."""
        size = self._pending_bytes + len(line)
        if size + self._handed_bytes > MAX_PENDING_BYTES:
            self.dropped += 1
            return
        self._lines.append(line)
        self._pending_bytes = size
        if size >= BATCH_BYTES and self.error is None:
            self.flush()

    def flush(self) -> None:
        """Have all lines brought to the file, unless that is still busy with the last ones; never waits."""
        self._tell_changes()
        if self._idle.is_set() and (self._lines or self._rest):
            lines, self._lines = self._lines, []
            self._handed_bytes += self._pending_bytes
            self._pending_bytes = 0
            self._idle.clear()
            self._inbox.put(lines)
        if not self._running and not self._idle.is_set():
            self._start()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Bring to the file what is left, within some seconds; what is not there then counts as dropped."""
        for _ in range(2):  # what the thread has, and what came meanwhile
            self.flush()
            if not self._idle.wait(seconds):
                break
        self._tell_changes()
        self._inbox.put(None)
        self.dropped += len(self._lines)
        if self._idle.is_set():
            self.dropped += self._rest.count(b"\n")

    def _start(self) -> None:
        try:
            start_new_thread(self._run, ())
        except RuntimeError as error:  # a limit of the system; lines wait in the inbox
            self.error = str(error)
            return
        self._running = True

    def _run(self) -> None:
        """The thread: one batch after the other."""
        try:
            while (lines := self._inbox.get()) is not None:
                data = self._rest + b"".join(lines)
                done, error = self._file.store(data)
                # What a full disk took of the batch must not be written twice.
                self._rest = data[done:]
                self._handed_bytes = len(self._rest)
                self.written += data.count(b"\n", 0, done)
                self.error = None if error is None else str(error)
                self._idle.set()
        finally:
            self._running = False
            self._idle.set()

    def _tell_changes(self) -> None:
        """Report what has become of the file since the last look."""
        dropping, self._seen_dropped = self.dropped > self._seen_dropped, self.dropped
        if self._failing:
            if self.error is None and self._idle.is_set() and not dropping:
                self._failing = False
                self._tell(f"access log {self._name} is written again; {self.dropped} lines were lost so far")
        elif self.error is not None:
            self._failing = True
            self._tell(f"access log {self._name} cannot be written: {self.error}; lines wait, then are dropped")
        elif dropping:
            self._failing = True
            self._tell(f"access log {self._name} is not written fast enough; lines are dropped")

    def _tell(self, text: str) -> None:
        if self._report is not None:
            self._report(text)
