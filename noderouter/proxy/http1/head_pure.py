"""The head parser in Python: the twin of `_head.c`, and what runs where no C compiler was.

Both must answer the same to every input, errors included; `tests/noderouter/proxy/http1` and its fuzzers hold them to
it. What the functions promise is written in `head`; here is how.

Theory of operation: strictly from left to right, so that the verdict on a head never changes as more of it comes in.

    empty lines (requests: up to two) -> start line -> field lines -> empty line
    bytes       judged as they are reached: the first wrong one, or the first one past a limit, is the error
    a line      judged when its CRLF is there (target form, Content-Length, Connection ...)
    the head    judged at its end (Host missing, a body for CONNECT), and only then taken apart

RFC 9112 sections 2 to 6, RFC 9110 sections 5, 7.2, 7.6.1, 7.8 and 9.3.6.
"""

import re
from typing import Final

from noderouter.core.message import Reserved
from noderouter.proxy.http.field_names import (
    END_TO_END,
    END_TO_END_PREFIXES,
    HOP_BY_HOP,
    FieldKind,
    kind_of,
)
from noderouter.proxy.http.grammar import MAX_FIELDS, TARGET, TOKEN, VALUE, is_authority, is_token
from noderouter.proxy.http1.fields import (
    CR,
    FIELD,
    LF,
    HeadError,
    RequestHead,
    ResponseHead,
    bare_cr,
    diagnose,
    folded,
)
from noderouter.proxy.http1.start_line import diagnose_request_line, diagnose_status_line
from noderouter.proxy.http1.target import is_target

_REQUEST_LINE: Final = re.compile(b"(" + TOKEN + b"++) (?! )(" + TARGET + rb") HTTP/1\.([01])\r\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + VALUE + rb"*+))?\r\n")
_LENIENT_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (" + VALUE + rb"*+))?\r?\n")
_LENIENT_FIELD: Final = re.compile(b"(" + TOKEN + rb"++)[ \t]*+:(" + VALUE + rb"*+)\r?\n")
_FOLD: Final = re.compile(b"(" + VALUE + rb"++)\r?\n")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_RESPONSE_LENGTH: Final = re.compile(rb"[0-9]{1,32}")
"""How long a response will be is for its client to judge, be there so much or not (RFC 9110 section 8.6)."""

MAX_OPTIONS: Final = 32
"""Fields that Connection may name; each is compared with every field of the head."""

_IN_RESERVED: Final = (FieldKind.RESERVED, FieldKind.UPGRADE)
_NEVER_FOLDED: Final = frozenset(b"content-length transfer-encoding connection upgrade".split())


class _Fields:
    """What is known from the field lines of one head so far."""

    __slots__ = (
        "close",
        "digits",
        "host",
        "keep_alive",
        "length",
        "lenient",
        "lines",
        "minor",
        "options",
        "request",
        "reserved",
        "upgrade",
    )

    def __init__(self, minor: int, request: bool, lenient: bool = False) -> None:
        self.minor = minor
        self.request = request
        self.lenient = lenient
        self.digits = b""
        self.host: bytes | None = None
        self.length = -2
        self.close = self.keep_alive = self.upgrade = False
        self.options: list[bytes] = []
        self.lines: list[bytes] = []
        self.reserved: list[tuple[bytes, bytes]] = []

    def take(self, spelling: bytes, value: bytes) -> None:
        """Judge one field line."""
        name = spelling.lower()
        judge = _JUDGES.get(name)
        if judge is not None:
            judge(self, value)
            return
        kind = kind_of(name)
        if kind in _IN_RESERVED:
            self.reserved.append((name, value))
        elif kind is not FieldKind.DROPPED:
            if name == b"host" and self.request:
                self._host(value)
            self.lines.append(spelling + b": " + value + b"\r\n")

    def fold(self, spelling: bytes, more: bytes) -> None:
        """Go on with the value of the last field, which is called so (RFC 9112 section 5.2)."""
        name = spelling.lower()
        kind = kind_of(name)
        if kind in _IN_RESERVED:
            value = self.reserved[-1][1]
            self.reserved[-1] = (name, value + b" " + more if value else more)
        elif kind is not FieldKind.DROPPED:
            line = self.lines[-1][:-2]
            self.lines[-1] = line + (b"" if line.endswith(b": ") else b" ") + more + b"\r\n"

    def _host(self, value: bytes) -> None:
        """RFC 9112 section 3.2: one at most; RFC 9110 section 7.2: may be empty."""
        if self.host is not None:
            raise HeadError(400, "more than one Host")
        if value and not is_authority(value):
            raise HeadError(400, "Host is not host[:port]")
        self.host = value

    def _content_length(self, value: bytes) -> None:
        """RFC 9112 section 6.3."""
        if self.lenient and (self.length >= 0 or b"," in value):
            return self._content_lengths(value)
        if self.length >= 0:
            raise HeadError(400, "more than one Content-Length")
        if self.length == -1:
            raise HeadError(400, "both Content-Length and Transfer-Encoding")
        if (_LENGTH if self.request else _RESPONSE_LENGTH).fullmatch(value) is None:
            raise HeadError(400, "Content-Length is not a number, or has too many digits")
        self.length = int(value)  # digits 0 to 9 only, says the pattern
        self.digits = value
        return None

    def _content_lengths(self, value: bytes) -> None:
        """Several that are the same to the last digit are one (RFC 9110 section 8.6)."""
        self.close = True
        for element in value.split(b","):
            digits = element.strip(b" \t")
            if self.length < 0:
                self._content_length(digits)
            elif digits != self.digits:
                raise HeadError(400, "more than one Content-Length")

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
            elif option not in HOP_BY_HOP:
                self._option(option)

    def _option(self, option: bytes) -> None:
        if option in END_TO_END or option.startswith(END_TO_END_PREFIXES):
            raise HeadError(400, "Connection names an end-to-end field")
        if kind_of(option) is FieldKind.DROPPED:
            return
        if len(self.options) == MAX_OPTIONS:
            raise HeadError(400, "Connection names more than 32 fields")
        self.options.append(option)

    def persists(self) -> bool:
        """RFC 9112 section 9.3."""
        return not self.close and (self.minor == 1 or self.keep_alive)

    def forwarded(self) -> tuple[bytes, Reserved | None]:
        """The field lines for the next hop, and the reserved fields."""
        lines = self.lines
        if self.options:
            lines = [line for line in lines if line[: line.index(b":")].lower() not in self.options]
        reserved = self.reserved
        if reserved and not (self.upgrade and self.minor == 1):  # RFC 9110 section 7.8
            reserved = [field for field in reserved if field[0] != b"upgrade"]
        return b"".join(lines), tuple(reserved) or None


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


def parse_response(data: bytes, max_line: int, max_head: int, lenient: bool = False) -> ResponseHead | None:
    """See `head`."""
    limit = min(len(data), max(max_head, 0))
    head = _response(data, limit, max(max_line, 0), lenient)
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
        error = diagnose_request_line(data, start, stop) if start < stop else None
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
    block, reserved = fields.forwarded()
    return end, method, target, fields.minor, fields.host, length, fields.persists(), block, reserved


def _response(data: bytes, limit: int, max_line: int, lenient: bool) -> ResponseHead | None:
    """Parse a response head within ``data[:limit]``; None where that ends too early."""
    line_end = max_line + 2
    stop = min(limit, line_end)
    line = (_LENIENT_STATUS_LINE if lenient else _STATUS_LINE).match(data, 0, stop)
    if line is None:
        error = diagnose_status_line(data, stop, lenient) if stop else None
        if error is None and stop == line_end:
            error = HeadError(431, "the status line is too long")
        if error is not None:
            raise error
        return None
    digit, status, reason = line.groups(b"")
    fields = _Fields(1 if digit == b"1" else 0, False, lenient)
    fields.close = data[line.end() - 2] != CR  # repaired
    end = _take_fields(data, line.end(), limit, fields)
    if end is None:
        return None
    block, reserved = fields.forwarded()
    # int: three digits 0 to 9, says the pattern
    return end, int(status), reason, fields.minor, fields.length, fields.persists(), block, reserved


def _take_fields(data: bytes, pos: int, limit: int, fields: _Fields) -> int | None:
    """Judge the field lines from `pos` on; the index behind the empty line, or None where that is missing."""
    count = 0
    name = b""
    lenient = fields.lenient
    while pos < limit:
        if data[pos] == CR:
            if pos + 1 == limit:
                return None
            if data[pos + 1] != LF:
                raise bare_cr()
            return pos + 2
        if lenient and data[pos] == LF:
            fields.close = True
            return pos + 1
        if count == MAX_FIELDS:
            raise HeadError(431, "more than 512 fields")
        line = FIELD.match(data, pos, limit)
        if line is None and lenient:
            if name and data[pos] in b" \t" and (end := _take_folds(data, pos, limit, name, fields)):
                pos = end
                continue
            line = _LENIENT_FIELD.match(data, pos, limit)
            fields.close = True
        if line is None:
            error = diagnose(data, pos, limit, lenient=lenient, folds=lenient and name != b"")
            if error is None:
                return None
            raise error
        name = line[1]
        fields.take(name, line[2].strip(b" \t"))
        pos = line.end()
        count += 1
    return None


def _take_folds(data: bytes, pos: int, limit: int, name: bytes, fields: _Fields) -> int:
    """Take the lines from `pos` on that go on with the field `name`; the index behind them, 0 if none is whole.

    Raises:
        HeadError: it is a field that frames the message, or a line has nothing else, which some take for the last.
    """
    if name.lower() in _NEVER_FOLDED:
        raise folded()
    end = 0
    pieces = []
    while pos < limit and data[pos] in b" \t" and (line := _FOLD.match(data, pos, limit)):
        piece = line[1].strip(b" \t")
        if not piece:
            raise folded()
        pieces.append(piece)
        end = pos = line.end()
    if pieces:
        fields.close = True
        fields.fold(name, b" ".join(pieces))
    return end
