"""Large answers: made one at a time, shared for a second, and held for few readers at a time.

A scrape of a large tree takes time of the thread that carries requests, and megabytes. So whoever asks while one is
made waits for it, and whoever asks within a second of it gets the same bytes. (What is small is made anew each time, so
that who changes something sees it at once.) Readers who take their time keep a text alive; when `TEXTS` of them are,
the slowest readers are cut off before another is made.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from noderouter.admin.message import Response

SHARED_SECONDS: Final = 1.0
"""How long an answer is shared with further requests for the same."""
TEXTS: Final = 3
"""Large answers in memory, while the next is made: the fresh one, and what others are still reading."""
LARGE: Final = 64 * 1024
"""Bytes from which on an answer is large."""


@dataclass(slots=True)
class _Kept:
    response: Response
    until: float


@dataclass(slots=True)
class _Read:
    """A large body that is being sent; it is held here so that its identity stays its own."""

    body: object
    readers: set[trio.CancelScope] = field(default_factory=set)


class Answers:
    """What all ports of the interface share.

    Attributes:
        made: large answers that were made.
        shared: how often a request got an answer that was made for another.
        cut: readers who were cut off.
    """

    def __init__(self) -> None:
        self.made = 0
        self.shared = 0
        self.cut = 0
        self._turn = trio.Lock()
        self._kept: dict[Hashable, _Kept] = {}
        self._read: dict[int, _Read] = {}
        self._filled = trio.Event()

    def __repr__(self) -> str:
        return f"<Answers kept={len(self._kept)} read={len(self._read)}>"

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Response]]) -> Response:
        """Return the answer for `key`: a recent one, or a new one; the lock is a fair one."""
        async with self._turn:
            kept = self._kept.get(key)
            if kept is not None and trio.current_time() < kept.until:
                self.shared += 1
                return kept.response
            self._kept.pop(key, None)
            self._make_room()
            response = await make()
            if response.length >= LARGE:
                self.made += 1
                self._kept[key] = _Kept(response, trio.current_time() + SHARED_SECONDS)
                self._filled.set()
            return response

    @contextmanager
    def reading(self, response: Response) -> Iterator[trio.CancelScope]:
        """Keep `response` in use while it is sent; the scope is cancelled where its reader is too slow for others."""
        with trio.CancelScope() as scope:
            if response.length < LARGE:
                yield scope
                return
            key = id(response.body)
            if key not in self._read:
                self._make_room(response.body)
                self._read[key] = _Read(response.body)
            entry = self._read[key]
            entry.readers.add(scope)
            try:
                yield scope
            finally:
                entry.readers.discard(scope)
                if not entry.readers and self._read.get(key) is entry:
                    del self._read[key]

    async def forget(self) -> None:
        """Drop answers that are no longer shared, until cancelled; runs beside the servers."""
        while True:
            await self._filled.wait()
            await trio.sleep(SHARED_SECONDS)
            now = trio.current_time()
            self._kept = {key: kept for key, kept in self._kept.items() if now < kept.until}
            if not self._kept:
                self._filled = trio.Event()

    def _make_room(self, coming: object = None) -> None:
        """Keep fewer than `TEXTS`, beside the one about to be read: unread ones go first, then the oldest."""
        unread = [key for key, kept in self._kept.items() if self._is_unread(kept.response.body, coming)]
        while len(self._read) + len(unread) >= TEXTS:
            if unread:
                del self._kept[unread.pop(0)]
                continue
            oldest = self._read.pop(next(iter(self._read)))
            self.cut += len(oldest.readers)
            for scope in oldest.readers:
                scope.cancel()

    def _is_unread(self, body: object, coming: object) -> bool:
        return body is not coming and id(body) not in self._read
