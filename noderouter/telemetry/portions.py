"""Large texts in portions: written piece by piece with rests between, and never copied into one string.

The result is a tuple of bytes, so that many readers can share it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from noderouter.core.background import Pace

PORTION: Final = 64 * 1024
"""Characters of a portion, about."""
_encode: Final = json.JSONEncoder(default=str).encode


class Portions:
    """Collects pieces of text."""

    __slots__ = ("_done", "_open", "_pace", "_size")

    def __init__(self) -> None:
        self._done: list[bytes] = []
        self._open: list[str] = []
        self._size = 0
        self._pace = Pace()

    async def add(self, text: str) -> None:
        """Write `text`, and rest when that is due."""
        self._open.append(text)
        self._size += len(text)
        if self._size >= PORTION:
            self._seal()
        await self.rest()

    async def rest(self) -> None:
        """Let other tasks run, when that is due; for work that writes nothing."""
        if self._pace.due():
            await self._pace.rest()

    def done(self) -> tuple[bytes, ...]:
        """Return all that was written; nothing may be added afterwards."""
        if self._open:
            self._seal()
        return tuple(self._done)

    def _seal(self) -> None:
        self._done.append("".join(self._open).encode("utf-8", "replace"))
        self._open.clear()
        self._size = 0


async def lines(pieces: Iterable[str | None]) -> tuple[bytes, ...]:
    """Return each piece as a line; None is no line, but a place to rest."""
    portions = Portions()
    for piece in pieces:
        if piece is None:
            await portions.rest()
        else:
            await portions.add(piece + "\n")
    return portions.done()


async def pieces(found: Iterable[str]) -> tuple[bytes, ...]:
    """Return the pieces one behind the other."""
    portions = Portions()
    for piece in found:
        await portions.add(piece)
    return portions.done()


@dataclass(frozen=True, slots=True)
class Lazy:
    """An object within an object of `json_object`, whose members are made while it is written."""

    members: Iterable[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class LazyList:
    """A list within such an object, whose items are made while it is written."""

    items: Iterable[Any]


async def json_object(items: Iterable[tuple[str, Any]]) -> tuple[bytes, ...]:
    """Return an object of keys and values; each value is encoded in one go, unless it is `Lazy` or a `LazyList`."""
    portions = Portions()
    await _object(portions, items)
    return portions.done()


async def _object(portions: Portions, items: Iterable[tuple[str, Any]]) -> None:
    comma = "{"
    for key, value in items:
        if isinstance(value, Lazy):
            await portions.add(f"{comma}{json.dumps(key)}: ")
            await _object(portions, value.members)
        elif isinstance(value, LazyList):
            await portions.add(f"{comma}{json.dumps(key)}: [")
            for place, item in enumerate(value.items):
                await portions.add(f", {_encode(item)}" if place else _encode(item))
            await portions.add("]")
        else:
            await portions.add(f"{comma}{json.dumps(key)}: {_encode(value)}")
        comma = ", "
    await portions.add("}" if comma == ", " else "{}")


async def json_text(value: Any, *, pretty: bool = False) -> tuple[bytes, ...]:
    """Return any value as JSON; what JSON does not know is written as text."""
    portions = Portions()
    encoder = json.JSONEncoder(indent=2 if pretty else None, sort_keys=pretty, default=str)
    for piece in encoder.iterencode(value):
        await portions.add(piece)
    return portions.done()
