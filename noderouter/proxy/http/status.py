"""Reason phrases (RFC 9110 section 15): HTTP/1 sends one with each status, other versions none."""

from http import HTTPStatus
from typing import Final

_RENAMED: Final = {
    413: b"Content Too Large",
    414: b"URI Too Long",
    416: b"Range Not Satisfiable",
    422: b"Unprocessable Content",
}
"""By RFC 9110; the standard library has the older ones up to Python 3.12."""

_PHRASES: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus} | _RENAMED


def phrase(status: int) -> bytes:
    """The reason phrase of a status; `Error` for one that nobody has registered."""
    return _PHRASES.get(status, b"Error")
