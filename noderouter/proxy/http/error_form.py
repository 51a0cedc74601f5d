"""The one form of an error that the router answers itself: text for most, a status of gRPC for its callers.

Every error carries its status of HTTP (`core.errors`); what is no RouterError is a fault of ours and answers 502 with
its text. The message goes into `l5d-err` for the next router and into the body for people (docs/linkerd1.md sections
5.4 and 5.5). A caller of gRPC reads neither: it is answered with headers alone (`core.grpc`).

The `l5d-*` lines are apart from those of the response: a server with `clearContext` drops them, and the words.
"""

from typing import Final
from urllib.parse import quote_plus

from noderouter.core.errors import OverloadError, RouterError
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import from_http, is_grpc, status_fields, status_of
from noderouter.core.headers import Headers
from noderouter.core.message import ErrorResponse, Response
from noderouter.proxy.http.status import phrase
from noderouter.proxy.http.success_class import FAILURE

GRPC_FIELD_BYTES: Final = 4096
"""`l5d-err` beside a `grpc-message`: clients of gRPC read 8 KB of metadata in all."""

_RETRYABLE: Final = b"l5d-retryable: true\r\n"
_NACK: Final = b"finagle-http-nack: true\r\n"
"""Finagle clients take a 503 with this for "not processed" and try elsewhere."""

_TEXT: Final = b"content-type: text/plain\r\n"
_GRPC: Final = b"content-type: application/grpc\r\n"

Form = tuple[ErrorResponse, bytes, bytes]
"""The response, the field lines of the router's own beside it, and its body."""


def error_form(
    exchange: Exchange, error: Exception, cause: Exception, max_field_bytes: int, max_body_bytes: int
) -> Form:
    """The answer to an exchange that failed with `cause`, of which `error` tells more.

    `l5d-err` has at most `max_field_bytes`, the body `max_body_bytes`.
    """
    status, message, retryable = describe(error)
    if is_grpc(exchange):
        fields = b"l5d-err: %b\r\n%b" % (encode(message, min(max_field_bytes, GRPC_FIELD_BYTES)), FAILURE)
        block = _GRPC + status_fields(status_of(error), message)
        if isinstance(error, RouterError):
            block += error.grpc_fields
        response = ErrorResponse(200, phrase(200), Headers(block), 0, cause)
        return response, fields + _RETRYABLE if retryable else fields, b""
    fields = b"l5d-err: %b\r\n%b" % (encode(message, max_field_bytes), FAILURE)
    if retryable:
        fields += _RETRYABLE
    if isinstance(error, OverloadError):
        fields += _NACK
    block = _TEXT + error.fields if isinstance(error, RouterError) else _TEXT
    body = truncate(message, max_body_bytes)
    return ErrorResponse(status, phrase(status), Headers(block), len(body), cause), fields, body


def refusal(status: int, reason: str, *, grpc: bool = False, clear: bool = False) -> tuple[Response, bytes]:
    """A codec's answer to a request that it refuses, and its body; `clear` is `clearContext`."""
    text = reason.encode("ascii", "replace")
    own = b"" if clear else b"l5d-err: %b\r\n" % text.replace(b" ", b"%20")
    if grpc:
        block = _GRPC + status_fields(from_http(status), reason, silent=clear) + own
        return Response(200, phrase(200), Headers(block), 0), b""
    return Response(status, phrase(status), Headers(_TEXT + own), len(text)), text


def describe(error: Exception) -> tuple[int, str, bool]:
    """Status, message, and whether nothing was processed, so that the request may be sent again."""
    if isinstance(error, RouterError):
        return error.status, error.message, error.retryable
    return 502, str(error) or type(error).__name__, False


def truncate(message: str, limit: int) -> bytes:
    """`message` in UTF-8, at most `limit` bytes of it, whole characters only."""
    data = message[:limit].encode("utf-8", "backslashreplace")
    return data if len(data) <= limit else data[:limit].decode("utf-8", "ignore").encode("utf-8")


def encode(message: str, limit: int) -> bytes:
    """`message` as the value of `l5d-err`: form-encoded as java.net.URLEncoder does, at most `limit` bytes.

    Nothing but letters, digits and `*-._+%` comes out, so a message cannot add a field. Escapes stay whole.
    """
    text = quote_plus(truncate(message, limit), safe="*").replace("~", "%7E")[:limit]
    tail = text.rfind("%", max(0, limit - 2))
    return (text if tail < 0 or len(text) < limit else text[:tail]).encode("ascii")
