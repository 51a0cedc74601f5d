"""What is wrong with a start line that the Python head parser's patterns do not take (RFC 9112 sections 3 and 4).

Each answers the error for the first wrong byte, or None where the line is right so far and only its rest is missing.
"""

import re
from typing import Final

from noderouter.proxy.http.grammar import TARGET, TOKEN, VALUE
from noderouter.proxy.http1.fields import CR, HeadError, bare_cr, wrong

_METHOD: Final = re.compile(TOKEN + b"*+")
_TARGET: Final = re.compile(TARGET)
_REASON: Final = re.compile(VALUE + b"*+")

_STATUS: Final = "the status is not three digits from 100 to 599"
_ANY_STATUS: Final = "the status is not three digits from 100 to 999"


def diagnose_request_line(data: bytes, pos: int, stop: int) -> HeadError | None:
    """Why `_REQUEST_LINE` does not match; None where only the rest of it is missing."""
    end = _METHOD.match(data, pos, stop).end()  # type: ignore[union-attr]  # matches nothing, too
    if end == stop:
        return None
    if end == pos or data[end] != 0x20:
        return wrong(data[end], "the method is not a token and one space")
    pos = end + 1
    end = _TARGET.match(data, pos, stop).end()  # type: ignore[union-attr]  # matches nothing, too
    if end == stop:
        return None
    if end == pos or data[end] != 0x20:
        return wrong(data[end], "the target is empty or has a byte that is not allowed")
    return _diagnose_version(data, end + 1, stop) or _diagnose_crlf(data, end + 9, stop)


def _diagnose_version(data: bytes, pos: int, stop: int, lenient: bool = False) -> HeadError | None:
    """Judge ``HTTP/1.0`` or ``HTTP/1.1`` as far as it is there."""
    for index, byte in enumerate(data[pos : min(stop, pos + 8)]):
        expected = b"HTTP/\0.\0"[index]
        if byte != expected if expected else not 0x30 <= byte <= 0x39:
            return wrong(byte, "the version is not HTTP/1.0 or HTTP/1.1", lenient)
    if pos + 8 <= stop and data[pos : pos + 8] not in (b"HTTP/1.0", b"HTTP/1.1"):
        return HeadError(505, "a version other than HTTP/1.0 and HTTP/1.1")
    return None


def _diagnose_crlf(data: bytes, pos: int, stop: int) -> HeadError | None:
    """Judge the CRLF behind a version, as far as it is there."""
    if pos >= stop:
        return None
    if data[pos] != CR:
        return wrong(data[pos], "the version is not HTTP/1.0 or HTTP/1.1")
    return None if pos + 1 == stop else bare_cr()


def diagnose_status_line(data: bytes, stop: int, lenient: bool) -> HeadError | None:
    """Why `_STATUS_LINE` does not match; None where only the rest of it is missing."""
    error = _diagnose_version(data, 0, stop, lenient)
    if error is not None or stop <= 8:
        return error
    if data[8] != 0x20:
        return wrong(data[8], "the version is not HTTP/1.0 or HTTP/1.1", lenient)
    last, reason = (0x39, _ANY_STATUS) if lenient else (0x35, _STATUS)
    for index, byte in enumerate(data[9 : min(stop, 12)]):
        if not 0x30 <= byte <= 0x39 or (index == 0 and not 0x31 <= byte <= last):
            return wrong(byte, reason, lenient)
    if stop <= 12:
        return None
    end = 12
    if data[12] == 0x20:
        end = _REASON.match(data, 13, stop).end()  # type: ignore[union-attr]  # matches nothing, too
        if end == stop:
            return None
    elif data[12] != CR:
        return wrong(data[12], reason, lenient)
    if data[end] != CR:
        return wrong(data[end], "a control byte in the reason phrase", lenient)
    return None if end + 1 == stop else bare_cr()
