"""Standard output as the place of an access log: `httpAccessLog: "-"`.

Used by the thread of `AccessLogFile` only, as `RollingFile` is. What it writes to may be shared with others, so no flag
of it is changed: it is asked whether it takes anything before each write, of as much as a pipe takes at once. Somebody
else who fills the pipe between the two holds up the thread, and nobody else.
"""

import errno
import os
import select
import sys
from typing import Final

from noderouter.proxy.access_log.rolling_file import WAIT_SECONDS, whole

NAME: Final = "-"


class StandardOutput:
    """Where lines go that are to be collected by whoever has started the router."""

    __slots__ = ("_file", "_wait_seconds")

    def __init__(self, file: int | None = None, wait_seconds: float = WAIT_SECONDS) -> None:
        """`file` is a descriptor, to which nothing is done but writing; None is the one of the process."""
        # Where it was closed when Python began, the number belongs to something else by now.
        self._file = (1 if sys.__stdout__ is not None else -1) if file is None else file
        self._wait_seconds = wait_seconds

    def store(self, data: bytes) -> tuple[int, OSError | None]:
        """Write lines; answers how many bytes were taken, and why not all of them."""
        done = 0
        try:
            if self._file < 0:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            room = select.poll()
            room.register(self._file, select.POLLOUT)
            while done < len(data):
                if not room.poll(self._wait_seconds * 1000):
                    raise BlockingIOError(errno.EAGAIN, "nobody reads it")
                done += os.write(self._file, data[done : whole(data, done)])
        except OSError as error:
            return done, error
        return done, None
