"""The head parser in Python: the twin of `_head.c`, and what runs where no C compiler was.

Both must answer the same to every input, errors included; `tests/noderouter/http1` and its fuzzers hold them to it.
What the functions promise is written in `head`; here is how.

Theory of operation: strictly from left to right, so that the verdict on a head never changes as more of it comes in.

    empty lines (requests: up to two) -> start line -> field lines -> empty line
    bytes       judged as they are reached: the first wrong one, or the first one past a limit, is the error
    a line      judged when its CRLF is there (target form, Content-Length, Connection ...)
    the head    judged at its end (Host missing, a body for CONNECT), and only then taken apart

RFC 9112 sections 2 to 6, RFC 9110 sections 5, 7.2, 7.6.1, 7.8 and 9.3.6.
"""

import re
from typing import Final

from noderouter.http1.fields import (
    CR,
    FIELD,
    LF,
    MAX_FIELDS,
    TOKEN,
    VALUE,
    HeadError,
    RequestHead,
    ResponseHead,
    Special,
    bare_cr,
    diagnose,
    is_token,
    wrong,
)
from noderouter.http1.target import PATH, QUERY, is_authority, is_target

_TARGET_BYTES: Final = PATH + rb"*+(?:\?" + QUERY + b"*+)?"
_METHOD: Final = re.compile(TOKEN + b"*+")
_TARGET: Final = re.compile(_TARGET_BYTES)
_REQUEST_LINE: Final = re.compile(b"(" + TOKEN + b"++) (?! )(" + _TARGET_BYTES + rb") HTTP/1\.([01])\r\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + VALUE + rb"*+))?\r\n")
_REASON: Final = re.compile(VALUE + b"*+")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_RESPONSE_LENGTH: Final = re.compile(rb"[0-9]{1,32}")
"""How long a response will be is for its client to judge, be there so much or not (RFC 9110 section 8.6)."""

MAX_OPTIONS: Final = 32
"""Fields that Connection may name; each is compared with every field of the head."""

_DROPPED: Final = frozenset(b"keep-alive proxy-connection proxy-authenticate proxy-authorization".split())
_SPECIAL: Final = frozenset(b"via expect te trailer x-forwarded-client-cert max-forwards upgrade".split())
_END_TO_END: Final = frozenset(
    b"host via forwarded authorization cookie set-cookie cache-control expect max-forwards".split()
)
_END_TO_END_PREFIXES: Final = (b"l5d-", b"x-forwarded-", b"content-")
_HOP_BY_HOP: Final = _DROPPED | {b"connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}


class _Fields:
    """What the field lines of one head have said so far."""

    __slots__ = ("close", "host", "keep_alive", "length", "lines", "minor", "options", "request", "special", "upgrade")

    def __init__(self, minor: int, request: bool) -> None:
        self.minor = minor
        self.request = request
        self.host: bytes | None = None
        self.length = -2
        self.close = self.keep_alive = self.upgrade = False
        self.options: list[bytes] = []
        self.lines: list[bytes] = []
        self.special: list[tuple[bytes, bytes]] = []

    def take(self, spelling: bytes, value: bytes) -> None:
        """Judge one field line."""
        name = spelling.lower()
        judge = _JUDGES.get(name)
        if judge is not None:
            judge(self, value)
        elif name in _SPECIAL or name[:4] == b"l5d-":
            self.special.append((name, value))
        elif name not in _DROPPED:
            if name == b"host" and self.request:
                self._host(value)
            self.lines.append(spelling + b": " + value + b"\r\n")

    def _host(self, value: bytes) -> None:
        """RFC 9112 section 3.2: one at most; RFC 9110 section 7.2: may be empty."""
        if self.host is not None:
            raise HeadError(400, "more than one Host")
        if value and not is_authority(value):
            raise HeadError(400, "Host is not host[:port]")
        self.host = value

    def _content_length(self, value: bytes) -> None:
        """RFC 9112 section 6.3, with no leave to merge equal ones."""
        if self.length >= 0:
            raise HeadError(400, "more than one Content-Length")
        if self.length == -1:
            raise HeadError(400, "both Content-Length and Transfer-Encoding")
        if (_LENGTH if self.request else _RESPONSE_LENGTH).fullmatch(value) is None:
            raise HeadError(400, "Content-Length is not a number, or has too many digits")
        self.length = int(value)  # digits 0 to 9 only, says the pattern

    def _transfer_encoding(self, value: bytes) -> None:
        """RFC 9112 sections 6.1 and 7: `chunked`, once and alone; in HTTP/1.0 a response with it is the last."""
        if self.minor == 0:
            if self.request:
                raise HeadError(400, "Transfer-Encoding in HTTP/1.0")
            self.close = True
        if self.length == -1:
            raise HeadError(400, "more than one Transfer-Encoding")
        if self.length >= 0:
            raise HeadError(400, "both Content-Length and Transfer-Encoding")
        if value.lower() == b"chunked":
            self.length = -1
            return
        chunked = False
        for element in value.split(b","):
            coding = element.strip(b" \t")
            if not is_token(coding):
                raise HeadError(400, "Transfer-Encoding is not a list of codings without parameters")
            if chunked:
                raise HeadError(400, "chunked is repeated or not the last transfer coding")
            chunked = coding.lower() == b"chunked"
        raise HeadError(501, "a transfer coding other than chunked")

    def _connection(self, value: bytes) -> None:
        """RFC 9110 section 7.6.1: names of fields for this hop only; never of those for everybody."""
        for element in value.lower().split(b","):
            option = element.strip(b" \t")
            if not option:
                continue
            if not is_token(option):
                raise HeadError(400, "Connection is not a list of tokens")
            if option == b"close":
                self.close = True
            elif option == b"keep-alive":
                self.keep_alive = True
            elif option == b"upgrade":
                self.upgrade = True
            elif option == b"transfer-encoding" and self.request:
                raise HeadError(400, "Connection names an end-to-end field")
            elif option not in _HOP_BY_HOP:
                self._option(option)

    def _option(self, option: bytes) -> None:
        if option in _END_TO_END or option.startswith(_END_TO_END_PREFIXES):
            raise HeadError(400, "Connection names an end-to-end field")
        if len(self.options) == MAX_OPTIONS:
            raise HeadError(400, "Connection names more than 32 fields")
        self.options.append(option)

    def persists(self) -> bool:
        """RFC 9112 section 9.3."""
        return not self.close and (self.minor == 1 or self.keep_alive)

    def forwarded(self) -> tuple[bytes, Special | None]:
        """The field lines for the next hop, and the special fields."""
        lines = self.lines
        if self.options:
            lines = [line for line in lines if line[: line.index(b":")].lower() not in self.options]
        special = self.special
        if special and not (self.upgrade and self.minor == 1):  # RFC 9110 section 7.8
            special = [field for field in special if field[0] != b"upgrade"]
        return b"".join(lines), tuple(special) or None


_JUDGES: Final = {
    b"content-length": _Fields._content_length,
    b"transfer-encoding": _Fields._transfer_encoding,
    b"connection": _Fields._connection,
}


def parse_request(data: bytes, max_line: int, max_head: int) -> RequestHead | None:
    """See `head`."""
    limit = min(len(data), max(max_head, 0))
    head = _request(data, limit, max(max_line, 0))
    if head is None and limit >= max_head:
        raise HeadError(431, "the head is too large")
    return head


def parse_response(data: bytes, max_line: int, max_head: int) -> ResponseHead | None:
    """See `head`."""
    limit = min(len(data), max(max_head, 0))
    head = _response(data, limit, max(max_line, 0))
    if head is None and limit >= max_head:
        raise HeadError(431, "the head is too large")
    return head


def _request(data: bytes, limit: int, max_line: int) -> RequestHead | None:
    """Parse a request head within ``data[:limit]``; None where that ends too early."""
    start = 0
    while start < limit and data[start] == CR and start < 4:  # two empty lines
        if start + 1 == limit:
            return None
        if data[start + 1] != LF:
            raise bare_cr()
        start += 2
    line_end = start + max_line + 2
    stop = min(limit, line_end)
    line = _REQUEST_LINE.match(data, start, stop)
    if line is None:
        error = _diagnose_request_line(data, start, stop) if start < stop else None
        if error is None and stop == line_end:
            error = HeadError(414, "the request line is too long")
        if error is not None:
            raise error
        return None
    method, target, digit = line.groups()
    reason = is_target(method, target)
    if reason is not None:
        raise HeadError(400, reason)
    fields = _Fields(1 if digit == b"1" else 0, True)
    end = _take_fields(data, line.end(), limit, fields)
    if end is None:
        return None
    if fields.host is None and fields.minor == 1:
        raise HeadError(400, "no Host in an HTTP/1.1 request")
    length = 0 if fields.length == -2 else fields.length
    if length and method == b"CONNECT":
        raise HeadError(400, "CONNECT with a body")
    block, special = fields.forwarded()
    return end, method, target, fields.minor, fields.host, length, fields.persists(), block, special


def _response(data: bytes, limit: int, max_line: int) -> ResponseHead | None:
    """Parse a response head within ``data[:limit]``; None where that ends too early."""
    line_end = max_line + 2
    stop = min(limit, line_end)
    line = _STATUS_LINE.match(data, 0, stop)
    if line is None:
        error = _diagnose_status_line(data, stop) if stop else None
        if error is None and stop == line_end:
            error = HeadError(431, "the status line is too long")
        if error is not None:
            raise error
        return None
    digit, status, reason = line.groups(b"")
    fields = _Fields(1 if digit == b"1" else 0, False)
    end = _take_fields(data, line.end(), limit, fields)
    if end is None:
        return None
    block, special = fields.forwarded()
    # int: three digits 0 to 9, says the pattern
    return end, int(status), reason, fields.minor, fields.length, fields.persists(), block, special


def _take_fields(data: bytes, pos: int, limit: int, fields: _Fields) -> int | None:
    """Judge the field lines from `pos` on; the index behind the empty line, or None where that is missing."""
    count = 0
    while pos < limit:
        if data[pos] == CR:
            if pos + 1 == limit:
                return None
            if data[pos + 1] != LF:
                raise bare_cr()
            return pos + 2
        if count == MAX_FIELDS:
            raise HeadError(431, "more than 512 fields")
        line = FIELD.match(data, pos, limit)
        if line is None:
            error = diagnose(data, pos, limit)
            if error is None:
                return None
            raise error
        fields.take(line[1], line[2].strip(b" \t"))
        pos = line.end()
        count += 1
    return None


def _diagnose_request_line(data: bytes, pos: int, stop: int) -> HeadError | None:
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


def _diagnose_version(data: bytes, pos: int, stop: int) -> HeadError | None:
    """Judge ``HTTP/1.0`` or ``HTTP/1.1`` as far as it is there."""
    for index, byte in enumerate(data[pos : min(stop, pos + 8)]):
        expected = b"HTTP/\0.\0"[index]
        if byte != expected if expected else not 0x30 <= byte <= 0x39:
            return wrong(byte, "the version is not HTTP/1.0 or HTTP/1.1")
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


def _diagnose_status_line(data: bytes, stop: int) -> HeadError | None:
    """Why `_STATUS_LINE` does not match; None where only the rest of it is missing."""
    error = _diagnose_version(data, 0, stop)
    if error is not None or stop <= 8:
        return error
    if data[8] != 0x20:
        return wrong(data[8], "the version is not HTTP/1.0 or HTTP/1.1")
    for index, byte in enumerate(data[9 : min(stop, 12)]):
        if not 0x30 <= byte <= 0x39 or (index == 0 and not 0x31 <= byte <= 0x35):
            return wrong(byte, "the status is not three digits from 100 to 599")
    if stop <= 12:
        return None
    end = 12
    if data[12] == 0x20:
        end = _REASON.match(data, 13, stop).end()  # type: ignore[union-attr]  # matches nothing, too
        if end == stop:
            return None
    elif data[12] != CR:
        return wrong(data[12], "the status is not three digits from 100 to 599")
    if data[end] != CR:
        return wrong(data[end], "a control byte in the reason phrase")
    return None if end + 1 == stop else bare_cr()
