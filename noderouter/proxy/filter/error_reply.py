"""Answers what failed in the router (docs/linkerd1.md sections 5.4 and 5.5).

Outermost filter of a server (only the access log is further out). What an answer looks like is `proxy.http.error_form`.
Its `l5d-*` lines go into `exchange.reply_fields`, where the reply of a `clearContext` server finds them, drops them and
drops the body with them.

Not answered here: a client that has gone, cancellation, a reply that had started (the codec cuts the connection, so
that the client does not take what came for all), and ClientProtocolError, because only the codec can answer and then
close (RFC 9112 section 2.2).
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from noderouter.core.errors import ClientGone, ClientProtocolError, RouterError
from noderouter.core.exchange import FAILURE, Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import ErrorResponse
from noderouter.core.service import Service
from noderouter.proxy.http.error_form import error_form
from noderouter.proxy.http.status import phrase
from noderouter.reactor.errors import Unwind
from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.observe import Observe

MAX_FIELD_BYTES: Final = 8192
"""`l5d-err` is never longer, however large `maxHeadersKB` is: that is all the head many clients read."""


class ErrorReply:
    """Turns exceptions into responses."""

    __slots__ = ("_explain", "_max_body_bytes", "_max_field_bytes", "_observe", "_on_fault", "_service", "_stats")

    def __init__(
        self,
        service: Service,
        stats: RequestStats,
        *,
        max_headers_bytes: int = 60 * 1024,
        max_body_bytes: int = 5120 * 1024,
        on_fault: Callable[[Exchange, Exception], None] | None = None,
        explain: Callable[[Exchange, Exception], Exception] | None = None,
        observe: Observe | None = None,
    ) -> None:
        """`stats` are those of the server, `max_*_bytes` are `maxHeadersKB` and `maxErrResponseKB`.

        `observe` is the seam of the router. `on_fault` is told of errors that are no RouterError;
        `explain` may replace an error by one that says more: where it was raised, little was known.
        """
        self._service = service
        self._stats = stats
        self._explain = explain
        # Half of the head at most, so that the whole fits into the same limit of a router before this one.
        self._max_field_bytes = min(max_headers_bytes // 2, MAX_FIELD_BYTES)
        self._max_body_bytes = max_body_bytes
        self._on_fault = on_fault
        self._observe = observe or Observe("")

    async def serve(self, exchange: Exchange) -> None:
        """Go on, answer what fails, and count; show it to those who look."""
        watch = self._observe.watch(exchange) if self._observe.observers else None
        stats = self._stats
        stats.pending += 1
        try:
            try:
                await self._service(exchange)
            except Exception as error:
                await self._failed(exchange, error)
            stats.record(exchange, None, (exchange.done_at or monotonic()) - exchange.started)
        except (Exception, Unwind) as error:
            stats.record(exchange, error, monotonic() - exchange.started)
            if watch is not None:
                watch.over(exchange, error)
            raise
        finally:
            stats.pending -= 1
        if watch is not None:
            watch.over(exchange, None)

    async def _failed(self, exchange: Exchange, error: Exception) -> None:
        """Answer, or pass on what cannot be answered here."""
        if isinstance(error, ClientProtocolError):
            if not exchange.reply.started:
                exchange.response = ErrorResponse(error.status, phrase(error.status), Headers(), 0, error)
            raise error
        if isinstance(error, ClientGone) or exchange.reply.started:
            raise error
        if self._on_fault is not None and not isinstance(error, RouterError):
            self._on_fault(exchange, error)
        await self._answer(exchange, error if self._explain is None else self._explain(exchange, error), error)

    async def _answer(self, exchange: Exchange, error: Exception, cause: Exception) -> None:
        form = error_form(exchange, error, cause, self._max_field_bytes, self._max_body_bytes)
        # In place of the fields of an attempt that was not to be.
        exchange.response, exchange.reply_fields, body = form
        exchange.verdict = FAILURE
        exchange.done_at = 0.0
        pending = exchange.reply.begin(form[0], body)
        if pending is not None:
            await pending
