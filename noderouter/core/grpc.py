"""What gRPC writes into requests and responses of HTTP: statuses, messages, time limits (gRPC over HTTP2). Pure.

Also the one table from what went wrong to a status: errors of the router, statuses of HTTP, resets of HTTP/2. A
response of a failed exchange is *trailers-only*: status 200, no body, and `grpc-status` among the fields of its head.
"""

import re
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from noderouter.core.errors import (
    ClientGone,
    DeadlineExceeded,
    LimitReached,
    OverloadError,
    RateLimited,
    RouterError,
    StreamReset,
)
from noderouter.core.headers import Headers
from noderouter.core.message import Message
from noderouter.reactor.errors import Cancelled, Expired

if TYPE_CHECKING:
    from noderouter.core.exchange import Exchange

MAX_MESSAGE_BYTES: Final = 2048
"""Of a `grpc-message` that the router writes: clients of gRPC read 8 KB of metadata in all."""


class Status(IntEnum):
    """How a call ended; the numbers are those of `grpc-status`."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


FAULTS: Final = frozenset(
    (
        Status.UNKNOWN,
        Status.DEADLINE_EXCEEDED,
        Status.UNIMPLEMENTED,
        Status.INTERNAL,
        Status.UNAVAILABLE,
        Status.DATA_LOSS,
    )
)
"""Those that are a fault of the server's side, as OpenTelemetry's conventions have it."""

_BY_TEXT: Final = {b"%d" % each: each for each in Status}

_BY_HTTP: Final = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}
"""gRPC's mapping of responses that have no `grpc-status`."""

_BY_RESET: Final = {
    0x7: Status.UNAVAILABLE,  # REFUSED_STREAM
    0x8: Status.CANCELLED,  # CANCEL
    0xB: Status.RESOURCE_EXHAUSTED,  # ENHANCE_YOUR_CALM
    0xC: Status.PERMISSION_DENIED,  # INADEQUATE_SECURITY
}
"""By the error codes of RST_STREAM (RFC 9113 section 7)."""

_MEDIA_TYPE: Final = b"application/grpc"
_IN_BLOCK: Final = re.compile(rb"(?:(?<=\n)|\A)(?i:content-type):[ \t]*application/grpc[+;\r \t]")

_UNITS: Final = (
    (b"n", 1),
    (b"u", 1_000),
    (b"m", 1_000_000),
    (b"S", 1_000_000_000),
    (b"M", 60_000_000_000),
    (b"H", 3_600_000_000_000),
)
_NANOSECONDS: Final = dict(_UNITS)
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_DIGITS: Final = 100_000_000
"""One more than eight digits say."""

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def is_grpc(request: Message) -> bool:
    """Whether the content of a message is gRPC's; gRPC-Web, which is another protocol, is not."""
    block = request.block
    return _MEDIA_TYPE in block and _IN_BLOCK.search(block) is not None


def parse_status(value: bytes | None) -> Status | None:
    """The status in a `grpc-status` field: None without one, UNKNOWN where it is none that gRPC has."""
    return None if value is None else _BY_TEXT.get(value, Status.UNKNOWN)


def call_status(exchange: "Exchange", error: BaseException | None = None) -> Status | None:
    """The status of a call that is over; None where it is no call, or has told none. `error` is what it failed with."""
    if not is_grpc(exchange):
        return None
    response, value = exchange.response, None
    if response is not None:
        value = response.headers.get(b"grpc-status")
        if value is None and response.trailers is not None:
            value = response.trailers.get(b"grpc-status")
    return status_of(error) if value is None and error is not None else parse_status(value)


def called(target: bytes) -> tuple[str, str]:
    """The service and the method that the target of a call names: `/package.Service/Method`."""
    service, _, method = target.partition(b"?")[0].strip(b"/").rpartition(b"/")
    return service.decode("latin-1"), method.decode("latin-1")


def from_http(status: int) -> Status:
    """The status of a response that has none of gRPC's, by that of HTTP."""
    return _BY_HTTP.get(status, Status.UNKNOWN)


def from_reset(code: int) -> Status:
    """The status of a call whose stream was reset with `code`."""
    return _BY_RESET.get(code, Status.INTERNAL)


def parse_timeout(value: bytes) -> int:
    """Read a `grpc-timeout`, in nanoseconds.

    Raises:
        ValueError: it is not one: up to eight digits and a unit.
    """
    found = _TIMEOUT.fullmatch(value)
    if found is None:
        raise ValueError("not a time limit: one to eight digits, and one of H, M, S, m, u, n")
    return int(found[1]) * _NANOSECONDS[found[2]]


def show_timeout(nanoseconds: int) -> bytes:
    """The `grpc-timeout` of so many nanoseconds, in the finest unit that has room; never more, and never nothing."""
    for unit, size in _UNITS:
        if nanoseconds < _DIGITS * size:
            return b"%d%b" % (max(1, nanoseconds // size), unit)
    return b"%dH" % (_DIGITS - 1)


def encode_message(message: str, limit: int = MAX_MESSAGE_BYTES) -> bytes:
    """`message` as a `grpc-message`: UTF-8, percent-encoded, at most `limit` bytes of whole characters.

    Only visible ASCII and spaces within come out, so a message cannot add a field; spaces at its ends are left out.
    """
    kept: list[bytes] = []
    size = 0
    for character in message.strip(" ")[:limit]:
        if " " <= character <= "~" and character != "%":
            shown = character.encode("ascii")
        else:
            shown = b"".join([b"%%%02X" % byte for byte in character.encode("utf-8", "backslashreplace")])
        size += len(shown)
        if size > limit:
            break
        kept.append(shown)
    return b"".join(kept).rstrip(b" ")


def decode_message(value: bytes) -> str:
    """The message in a `grpc-message`; what is no escape, or no UTF-8, is kept as well as it can be."""
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), value).decode("utf-8", "replace")


def status_of(error: BaseException) -> Status:
    """The status of a call that failed with `error`: with its reason, where the task was interrupted for one."""
    if isinstance(error, Cancelled) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, LimitReached):
        return Status.UNAVAILABLE
    if isinstance(error, OverloadError | RateLimited):
        return Status.RESOURCE_EXHAUSTED
    if isinstance(error, DeadlineExceeded):
        return Status.UNAVAILABLE if error.attempt else Status.DEADLINE_EXCEEDED
    if isinstance(error, Expired):
        return Status.DEADLINE_EXCEEDED
    if isinstance(error, StreamReset):
        return from_reset(error.code)
    if isinstance(error, RouterError):
        return from_http(error.status)
    return Status.CANCELLED if isinstance(error, ClientGone) else Status.INTERNAL


def status_fields(status: Status, message: str, *, silent: bool = False) -> bytes:
    """The field lines of a status; `silent` leaves the message out, which may name what is behind the router."""
    line = b"grpc-status: %d\r\n" % status
    return line if silent or not message else b"%bgrpc-message: %b\r\n" % (line, encode_message(message))


def trailers_for(error: Exception, *, silent: bool = False) -> Headers:
    """The trailers of a response that had begun when its exchange failed with `error`; `silent` as for a status."""
    message = error.message if isinstance(error, RouterError) else str(error) or type(error).__name__
    return Headers(status_fields(status_of(error), message, silent=silent))
