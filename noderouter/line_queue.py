"""A bounded queue of lines, and the thread that writes them: an unread standard error stops nothing.

    log, traceback, warning -> LineStream (sys.stderr) -> LineQueue -> its thread -> the descriptor

Standard library only, and nothing of the router: the keeper of interception uses it, too. What always holds:

- `write` appends and returns, in whatever thread, also where a finalizer or a signal interrupts another `write`.
- What is queued is bounded in bytes and in lines. What does not fit is dropped, the newest first, and counted; when
  everything before it has been written, one line says how many there were.
- Only the thread touches the descriptor, and never its flags: `O_NONBLOCK` is a flag of the open file, which standard
  error shares with whoever started us.
- A reader that has gone costs one failed call for each line, and its lines are counted as dropped.
- The thread never keeps the process from ending; `drain` gives it a moment.
"""

import atexit
import io
import os
import select
import sys
import weakref
from _thread import start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, RLock
from typing import Final

MAX_BYTES: Final = 1024 * 1024
MAX_LINES: Final = 4096
"""Of waiting lines: short ones take more memory than their bytes."""
MAX_LINE: Final = 64 * 1024
"""Characters of one line of a stream; a longer one is written in pieces."""
EXIT_SECONDS: Final = 1.0
"""How long the end of the process waits for what is queued."""


def lost_in_words(count: int) -> str:
    """What stands in place of lines that were dropped, unless something better was given."""
    return f"{count} lines were dropped: standard error was not read\n"


class LineQueue:
    """Lines on their way to a descriptor, which stays open."""

    def __init__(
        self,
        descriptor: int,
        lost: Callable[[int], str] = lost_in_words,
        *,
        max_bytes: int = MAX_BYTES,
        max_lines: int = MAX_LINES,
    ) -> None:
        """No thread is started yet.

        Args:
            descriptor: where lines go; it may block.
            lost: the line, with its end, that says how many were dropped; asked by the thread.
            max_bytes: of lines that wait; may be changed at any time.
            max_lines: that wait.
        """
        self.descriptor = descriptor
        self.lost = lost
        self.written = 0
        self.max_bytes = max_bytes
        self._max_lines = max_lines
        self._begin()
        forked = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (begin := forked()) and begin())

    def _begin(self) -> None:
        """Be empty and without a thread; in a forked child as well: the lines of the parent are the parent's."""
        self._lock = RLock()  # among those who write; the thread never takes it
        self._lines: SimpleQueue[bytes | Event] = SimpleQueue()  # its `put` may be interrupted by another
        self._started = False
        self._put_bytes = self._put_lines = self._refused = 0  # theirs
        self._gone_bytes = self._gone_lines = self._failed = self._told = 0  # the thread's
        self._torn = False

    def __repr__(self) -> str:
        return f"<LineQueue to {self.descriptor}, {self.queued_bytes} bytes queued, {self.dropped} lines dropped>"

    @property
    def dropped(self) -> int:
        """Lines that were lost: no room for them, or nobody to read them."""
        return self._refused + self._failed

    @property
    def queued_bytes(self) -> int:
        """Of lines that wait, the one that is being written included."""
        return self._put_bytes - self._gone_bytes

    def write(self, line: bytes) -> None:
        """Take a line, with its end."""
        with self._lock:
            if self.queued_bytes + len(line) > self.max_bytes or self._put_lines - self._gone_lines >= self._max_lines:
                self._refused += 1
                return
            self._put_bytes += len(line)
            self._put_lines += 1
            self._lines.put(line)
            self._start()

    def drain(self, seconds: float = EXIT_SECONDS) -> bool:
        """Wait until what is queued now has been written; False where that takes too long."""
        done = Event()
        with self._lock:
            if not self._started:
                return True
            self._lines.put(done)
        return done.wait(seconds)

    def _start(self) -> None:
        """Start the thread, at the first line: one that Python's own end does not wait for."""
        if not self._started:
            try:
                start_new_thread(self._run, ())
            except RuntimeError:  # a limit of the system; the next line tries again
                return
            self._started = True

    def _run(self) -> None:
        lines = self._lines
        while True:
            line = lines.get()
            if isinstance(line, Event):
                line.set()
                continue
            written = self._put(line)
            if written:
                self.written += 1
            else:
                self._failed += 1
            self._gone_bytes += len(line)
            self._gone_lines += 1
            if written and self._gone_lines == self._put_lines and self.dropped != self._told:
                self._tell()

    def _tell(self) -> None:
        """Write how many lines were dropped since the last such line."""
        dropped = self.dropped
        if self._put(self.lost(dropped - self._told).encode("utf-8", "backslashreplace")):
            self._told = dropped

    def _put(self, line: bytes) -> bool:
        """Write one line, however long that takes; whether it was written."""
        at = 0
        if self._torn:
            line = b"\n" + line
        try:
            while at < len(line):
                try:
                    at += os.write(self.descriptor, line[at:])
                except BlockingIOError:  # somebody who shares the open file has made it so
                    room = select.poll()
                    room.register(self.descriptor, select.POLLOUT)
                    room.poll()
        except OSError:
            self._torn = 0 < at < len(line) or (self._torn and not at)
            return False
        self._torn = False
        return True


class LineStream(io.TextIOBase):
    """Standard error, for all that print to it: whole lines go to a queue, what is behind the last one waits."""

    def __init__(self, queue: LineQueue, terminal: bool) -> None:
        super().__init__()
        self.queue = queue
        self._terminal = terminal
        self._rest = ""
        self._lock = RLock()

    def write(self, text: str) -> int:
        """See `io.TextIOBase`; never raises OSError."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._send(line + "\n")
            if len(self._rest) > MAX_LINE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is behind the last whole line; does not wait."""
        with self._lock:
            rest, self._rest = self._rest, ""
            if rest:
                self._send(rest)

    def fileno(self) -> int:
        """The descriptor, for other writers."""
        return self.queue.descriptor

    def isatty(self) -> bool:
        """Whether a person sees it."""
        return self._terminal

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def _send(self, text: str) -> None:
        for at in range(0, len(text), MAX_LINE):
            self.queue.write(text[at : at + MAX_LINE].encode("utf-8", "backslashreplace"))


def take_standard_error(lost: Callable[[int], str] = lost_in_words) -> LineQueue | None:
    """Put a queue between this process and its standard error; at its end, what waits gets `EXIT_SECONDS`.

    Called where a process begins that serves: tracebacks, warnings and whatever libraries print go this way, too.

    Returns:
        None where standard error is no file: closed, or taken by a test.
    """
    stream = sys.stderr
    if isinstance(stream, LineStream):
        stream.queue.lost = lost
        return stream.queue
    try:
        descriptor, terminal = stream.fileno(), stream.isatty()
        stream.flush()
    except (AttributeError, OSError, ValueError):  # None; no descriptor; closed
        return None
    queue = LineQueue(descriptor, lost)
    sys.stderr = stream = LineStream(queue, terminal)
    atexit.register(_leave, stream)
    return queue


def _leave(stream: LineStream) -> None:
    """At Python's own end: the last lines. What comes behind them is not said: it could wait for a lock for ever."""
    _end(stream)
    if sys.stderr is stream:
        sys.stderr = None  # threads are stopped from here on, with whatever they hold


def standard_error() -> LineQueue | None:
    """The queue before standard error, if there is one."""
    return sys.stderr.queue if isinstance(sys.stderr, LineStream) else None


def farewell(seconds: float = EXIT_SECONDS) -> None:
    """Give what was printed so far a moment to get out; before the process ends without Python's own end."""
    if isinstance(sys.stderr, LineStream):
        _end(sys.stderr, seconds)


def _end(stream: LineStream, seconds: float = EXIT_SECONDS) -> None:
    stream.flush()
    stream.queue.drain(seconds)
