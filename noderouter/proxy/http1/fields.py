"""Field lines and what is wrong with them: the rules that heads and trailer sections share.

Below everything else of HTTP/1: the Python head parser and the chunked decoder take their grammar from here, the
compiled parser takes `HeadError`.

Rules (RFC 9110 sections 5.1, 5.5 and 5.6.2; RFC 9112 sections 2.2 and 5): a line ends in CRLF, never in LF alone;
a name is a token with the colon right behind it; a value has no control byte but HTAB; no line is folded.
Nothing is repaired, but where `lenient` says so (`head`). A line that is still coming in is refused at its first wrong
byte.
"""

import re
from typing import Final

from noderouter.core.errors import MalformedMessage
from noderouter.core.message import Reserved
from noderouter.proxy.http.grammar import TOKEN, VALUE

RequestHead = tuple[int, bytes, bytes, int, bytes | None, int, bool, bytes, Reserved | None]
"""end, method, target, minor, host, length, persist, block, reserved."""

ResponseHead = tuple[int, int, bytes, int, int, bool, bytes, Reserved | None]
"""end, status, reason, minor, length, persist, block, reserved."""

# Possessive quantifiers as in `http.grammar`.
FIELD: Final = re.compile(b"(" + TOKEN + b"++):(" + VALUE + rb"*+)\r\n")
"""A whole field line: its name, and its value with the white space around it."""

LF: Final = 0x0A
CR: Final = 0x0D
_NAME: Final = re.compile(TOKEN + b"*+")
_BLANKS: Final = re.compile(rb"[ \t]*+")
_VALUE: Final = re.compile(VALUE + b"*+")


class HeadError(MalformedMessage):
    """A message of HTTP/1 is refused. The connection cannot be used any further (RFC 9112 section 2.2)."""


def wrong(byte: int, reason: str, lenient: bool = False) -> HeadError:
    """The error for a byte that does not belong where it is; a bare LF is always called that, unless it would do."""
    return HeadError(400, "a line ends in LF without CR" if byte == LF and not lenient else reason)


def bare_cr() -> HeadError:
    """The error for a CR that no LF follows."""
    return HeadError(400, "CR without LF")


def folded() -> HeadError:
    """The error for a line that goes on with the one before it."""
    return HeadError(400, "a field line begins with white space (obsolete folding)")


def diagnose(data: bytes, pos: int, stop: int, *, lenient: bool = False, folds: bool = False) -> HeadError | None:
    """Find out why no `FIELD` matches in `data[pos:stop]`, which is not empty, nor what is as good where `lenient`.

    `folds`: it may go on with the line before it.

    Returns:
        None where the line is right so far and only its rest is missing.
    """
    if data[pos] in b" \t":
        return _diagnose_value(data, pos, stop, lenient) if folds else folded()
    colon = name = _NAME.match(data, pos, stop).end()  # type: ignore[union-attr]  # matches nothing, too
    if lenient and name > pos:
        colon = _BLANKS.match(data, name, stop).end()  # type: ignore[union-attr]  # matches nothing, too
    if colon == stop:
        return None
    if name > pos and data[name] in b" \t" and data[colon] != 0x3A:
        return wrong(data[colon], "white space between a field name and its colon", lenient)
    if name == pos or data[colon] != 0x3A:
        return wrong(data[colon], "a field name is not a token", lenient)
    return _diagnose_value(data, colon + 1, stop, lenient)


def _diagnose_value(data: bytes, pos: int, stop: int, lenient: bool) -> HeadError | None:
    end = _VALUE.match(data, pos, stop).end()  # type: ignore[union-attr]  # matches nothing, too
    if end == stop:
        return None
    if data[end] != CR:
        return wrong(data[end], "a control byte in a field value", lenient)
    return None if end + 1 == stop else bare_cr()
