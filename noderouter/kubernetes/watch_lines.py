"""Cuts the body of a watch into JSON values (sans-io).

The API writes one value and a line feed for each event. The network cuts that anywhere: a value may come in many
pieces, a piece may hold many values, proxies have been seen to drop the line feed between two. What is left over when
a stream ends is half a value, and never used.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from noderouter.kubernetes.errors import MalformedAnswer

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A line above this ends the watch. etcd keeps objects of 1.5 MB; as JSON they are a few times larger."""

_decoder = json.JSONDecoder()


class LineBuffer:
    """Splits a stream into lines without their line feed; bounded by `limit` bytes."""

    __slots__ = ("_limit", "_pieces", "_size")

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the lines that `piece` completes; blank ones are left out.

        Raises:
            MalformedAnswer: a line is too long.
        """
        first, feed, rest = piece.partition(b"\n")
        self._size += len(first)
        if self._size > self._limit:
            raise MalformedAnswer(f"a line of the watch is longer than {self._limit} bytes")
        self._pieces.append(first)
        if not feed:
            return
        line = b"".join(self._pieces)
        *lines, last = rest.split(b"\n")
        self._pieces = [last]
        self._size = len(last)
        for each in (line, *lines):
            if each and not each.isspace():
                yield each
        if self._size > self._limit:
            raise MalformedAnswer(f"a line of the watch is longer than {self._limit} bytes")

    @property
    def pending(self) -> int:
        """The bytes of a line that is not complete."""
        return self._size


def values(line: bytes) -> Iterator[Any]:
    """Yield the JSON values in a line: one, nearly always.

    Raises:
        MalformedAnswer: it is not JSON.
    """
    try:
        yield json.loads(line)
        return
    except (ValueError, RecursionError):
        pass
    try:
        text = line.decode("utf-8").strip()
        at = 0
        while at < len(text):
            value, end = _decoder.raw_decode(text, at)
            yield value
            at = end
            while at < len(text) and text[at] in " \t\r":
                at += 1
    except (ValueError, RecursionError) as error:
        shown = line[:80].decode("utf-8", "backslashreplace")
        raise MalformedAnswer(f"a line of the watch is not JSON: {shown!r}") from error
