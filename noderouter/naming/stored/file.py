"""A text in a file, which may be changed in any way at any time (see `naming/files/watcher.py`).

valid                      in effect at once
invalid or unreadable      what is in effect stays; nothing is, where it was so from the start
missing from the start     an empty one, with a warning, until it appears
long                       is read in a thread, so that no request waits for it; but for the first one, at the start
missing later              what is in effect stays, be it nothing: a file that is being replaced badly must neither stop
                           the traffic nor, where nobody is let through yet, let everybody through
"""

from functools import partial
from logging import INFO, WARNING
from typing import Generic, TypeVar

from noderouter.core.background import Log, StartSoon, aside
from noderouter.naming.files.content import Content, Directory, Missing, Present
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import LONG, TextError

T = TypeVar("T")


class TextFile(Generic[T]):
    """Keeps `stored` equal to what the file means."""

    def __init__(self, path: str, stored: StoredText[T], log: Log, start_soon: StartSoon) -> None:
        self.path = path
        self.stored = stored
        self._log = log
        self._start_soon = start_soon
        self._newest: Content | None = None

    def load(self, content: Content) -> None:
        """Take in what the file watcher found."""
        self._newest = content
        match content:
            case Present(data) if len(data) > LONG and self.stored.value is not None:
                self._start_soon(self._read, content, name=f"read {self.path}")
            case Present(data):
                self._take(self.stored.language.read(data))
            case Missing():
                error = TextError("the file does not exist")
                self._complain(error)
                self.stored.lack(error)
            case Directory():
                self._take(TextError("this is a directory, not a file"))
            case _:
                self._take(TextError(content.reason))

    async def _read(self, content: Present) -> None:
        read = await aside(partial(self.stored.language.read, content.data))
        if self._newest is content:  # else it was changed again
            self._take(read)

    def _take(self, read: T | TextError) -> None:
        if isinstance(read, TextError):
            self._complain(read)
            self.stored.refuse(read)
        else:
            language = self.stored.language
            self._log(INFO, language.events.loaded, file=self.path, **{language.counted: language.size(read)})
            self.stored.apply(read)

    def _complain(self, error: TextError) -> None:
        event = self.stored.language.events.invalid
        self._log(WARNING, event, file=self.path, reason=str(error), kept_last_good=self.stored.good)
