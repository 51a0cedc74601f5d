"""What a collector says of a batch that it has taken in part: `partial_success` of OTLP, in the body of a 200."""

from collections.abc import Iterator
from typing import Final

PARTIAL_SUCCESS: Final = 1
"""Of ExportTraceServiceResponse and its like for logs ..."""
REJECTED, MESSAGE = 1, 2
"""... of which these are the parts."""
_LONGEST: Final = 10
"""Bytes of a number (Protocol Buffers' encoding)."""


def rejected(body: bytes) -> tuple[int, str]:
    """Return how many records were refused, and why; 0 where all were taken, or what is said cannot be read."""
    count, words = 0, ""
    try:
        for number, value in _fields(body):
            if number == PARTIAL_SUCCESS and isinstance(value, bytes):
                for part, said in _fields(value):
                    if part == REJECTED and isinstance(said, int):
                        count = said
                    elif part == MESSAGE and isinstance(said, bytes):
                        words = said.decode("utf-8", "replace")
    except ValueError:
        return 0, ""
    return (count, words) if count < 1 << 63 else (0, "")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the numbers and values of a message's fields.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _number(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("a field of an unknown kind")
        if size > len(data) - at:
            raise ValueError("a field beyond the end")
        yield tag >> 3, data[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at + shift + 1
    raise ValueError("a number without an end")
