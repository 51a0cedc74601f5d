"""Pipes for splice(2): where bytes stay in the kernel on their way from one socket to another.

A direction of a tunnel holds one only while bytes are in it, or may come at once. So idle tunnels hold none, and few
are enough: `MAX_PIPES` is how many readers may stand still with bytes of theirs in a pipe. Who gets none copies.

The kernel lends an unprivileged user 64 MB of pipes (`/proc/sys/fs/pipe-user-pages-soft`) and gives less than asked
above that; what is smaller than copying would use is not taken.
"""

import os
from fcntl import F_GETPIPE_SZ, F_SETPIPE_SZ, fcntl
from typing import Final

PIPE_BYTES: Final = 262144
"""What a pipe is to hold. Larger ones gain little (docs/adr/0018)."""
LEAST_BYTES: Final = 65536
"""What it has to hold, to be worth more than copying."""
MAX_PIPES: Final = 128
KEPT_PIPES: Final = 8
"""Empty ones that are kept for the next tunnel."""


class Pipe:
    """Two descriptors: bytes are spliced to `into` and from `out`."""

    __slots__ = ("into", "out")

    def __init__(self, out: int, into: int) -> None:
        self.out = out
        self.into = into

    def close(self) -> None:
        """Close both ends; what is inside is dropped."""
        os.close(self.into)
        os.close(self.out)


class Pipes:
    """Lends pipes, at most `limit` at a time."""

    __slots__ = ("_idle", "_least", "_limit", "kept", "lent")

    def __init__(self, limit: int = MAX_PIPES, kept: int = KEPT_PIPES, least: int = LEAST_BYTES) -> None:
        self._limit = limit
        self._least = least
        self._idle: list[Pipe] = []
        self.kept = kept
        self.lent = 0

    def __repr__(self) -> str:
        return f"<Pipes {self.lent} lent, {len(self._idle)} idle>"

    def take(self) -> Pipe | None:
        """An empty pipe, or None where there is none to have: then copy. Ends with `give` or `drop`."""
        if self._idle:
            pipe = self._idle.pop()
        else:
            made = self._make() if self.lent < self._limit else None
            if made is None:
                return None
            pipe = made
        self.lent += 1
        return pipe

    def give(self, pipe: Pipe) -> None:
        """Give back an empty pipe."""
        self.lent -= 1
        if len(self._idle) < self.kept:
            self._idle.append(pipe)
        else:
            pipe.close()

    def drop(self, pipe: Pipe) -> None:
        """Give back a pipe with bytes in it, which nobody will read."""
        self.lent -= 1
        pipe.close()

    def stop(self) -> None:
        """Lend no more: they are of no use here."""
        self._limit = self.kept = 0
        self.close()

    def close(self) -> None:
        """Close the pipes that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _make(self) -> Pipe | None:
        """A new pipe; None where descriptors have run out or the user's share of pipes has."""
        try:
            pipe = Pipe(*os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:
            return None
        try:
            fcntl(pipe.into, F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            pass  # beyond the user's share, or fs.pipe-max-size: it may still be large enough
        if fcntl(pipe.into, F_GETPIPE_SZ) < self._least:
            pipe.close()
            return None
        return pipe


SHARED: Final = Pipes()
"""Of all tunnels of this process."""
