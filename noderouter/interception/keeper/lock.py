"""Who owns the rules of this node: two locks on files, which the kernel releases when their process ends.

The holder of `<path>` writes rules. Who waits for it holds `<path>.next` meanwhile, and writes there until when its
router is good enough to be given connections. So a holder whose router is about to end sees that a successor is
there, gives the lock up, and leaves its rules in force for the moment it takes to replace them in one transaction. If
that one ends before it has taken over, the lock is left to it all the same, and it is the one to remove the rules.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from noderouter.interception.keeper.errors import InterceptError


class Lock:
    """The right to write rules; `close` releases it, and so does the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None
        self._waiting: int | None = None

    def acquire(self) -> bool:
        """Try to get the lock; while another holds it, this process counts as waiting.

        Raises:
            InterceptError: the file cannot be opened.
        """
        if self._held is None:
            self._held = _locked(self._path)
            if self._held is None and self._waiting is None:
                self._waiting = _locked(self._next)
            elif self._held is not None and self._waiting is not None:
                os.close(self._waiting)
                self._waiting = None
        return self._held is not None

    def successor_waits(self) -> bool:
        """Whether a successor waits to take over.

        Looking makes and writes nothing, and fails as if nobody waited: the holder is about to let go of the rules, and
        must get on with that whatever becomes of the folder (a full disk).
        """
        try:
            descriptor = os.open(self._next, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return not _flocked(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def successor_is_ready(self) -> bool:
        """Whether a successor waits whose router could be given connections now."""
        if not self.successor_waits():
            return False
        try:
            words = self._next.read_text().split()
            return words[2:4] == ["ready", "until"] and time.monotonic() < float(words[4])
        except (OSError, ValueError, IndexError):
            return False

    def ready(self, until: float) -> None:
        """While waiting, tell the holder until when, by the monotonic clock, we could take over at once.

        Raises:
            InterceptError: it cannot be told: who goes on as if it were would end a holder that leaves nothing to it.
        """
        if self._waiting is None:
            return
        words = f"pid {os.getpid()} ready until {until:.3f}"
        try:
            os.pwrite(self._waiting, f"{words:<63}\n".encode(), 0)  # of one length: it is never read in part
        except OSError as error:
            raise InterceptError(f"cannot write to the lock {self._next}: {error.strerror}") from error

    def hand_over(self) -> bool:
        """Release the lock to a successor that is ready; return whether it was so, and else keep it.

        A successor may end after it was seen. It stops waiting and then looks whether the lock is free (`inherit`);
        this one frees the lock and then looks whether anybody waits. So at least one sees that the other has gone.
        """
        if self._held is None or not self.successor_is_ready():
            return False
        fcntl.flock(self._held, fcntl.LOCK_UN)
        if not self.successor_waits() and _flocked(self._held):
            _sign(self._held)
            return False
        self.close()
        return True

    def inherit(self) -> bool:
        """Stop waiting, at the end; return whether the lock was left to this process, which holds it then."""
        if self._waiting is None:
            return False
        self.close()
        with suppress(InterceptError):
            self._held = _locked(self._path)
        return self._held is not None

    def holder(self) -> str:
        """Return the process that holds the lock, as far as it is known."""
        with suppress(OSError):
            return self._path.read_text().strip() or "unknown"
        return "unknown"

    def close(self) -> None:
        """Release the lock, or stop waiting for it; `acquire` asks for it again."""
        for descriptor in (self._held, self._waiting):
            if descriptor is not None:
                os.close(descriptor)
        self._held = self._waiting = None

    @property
    def _next(self) -> Path:
        return self._path.with_name(self._path.name + ".next")


def _locked(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InterceptError(f"cannot open the lock {path}: {error.strerror}; choose another with --lock") from error
    if not _flocked(descriptor):
        os.close(descriptor)
        return None
    _sign(descriptor)
    return descriptor


def _sign(descriptor: int) -> None:
    with suppress(OSError):  # for readers; who has the lock does not depend on it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}\n".encode(), 0)


def _flocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
