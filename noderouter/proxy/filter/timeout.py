"""Time limits of an exchange (docs/linkerd1.md sections 2.7 and 4.5).

`TotalTimeout` bounds the whole request with all its retries, `AttemptTimeout` each attempt, whose expiry the
classifier may call retryable. The deadline that came with the request (`l5d-ctx-deadline`) bounds both.

As in Linkerd, what is limited is the time until the response begins: a body may stream for as long as it likes.

Whose fault it is when a limit expires is decided in `endpoint_failed` and nowhere else: a client that sends slowly, or
grants little, must not be able to have an endpoint ejected.
"""

from collections.abc import Awaitable
from math import inf
from time import monotonic, time_ns
from typing import Final

from dtab import Path
from noderouter.core.errors import ClientProtocolError, EndpointTimeout
from noderouter.core.exchange import Awaited, Exchange
from noderouter.core.reply import Reply
from noderouter.core.service import Service
from noderouter.proxy.http.deadline import limit_deadline
from noderouter.proxy.http.error_text import attempt_timeout, total_timeout
from noderouter.reactor.task import Timeout

NEARLY: Final = 0.9
"""The share of a limit that an endpoint was given when it is held to have failed: the rest is the router's own time."""

_NOWHERE = Path()


def remaining(exchange: Exchange) -> float:
    """Seconds until the propagated deadline of the exchange; infinite without one."""
    context = exchange.context
    if context is None or context.deadline is None:
        return inf
    return (context.deadline.deadline_ns - time_ns()) / 1e9


class UntilReply(Timeout):
    """A timeout that is lifted when the response begins.

    Attributes:
        granted: the seconds that the configuration grants, whatever the caller does; infinite for no limit.
    """

    __slots__ = ("_reply", "granted")

    def __init__(self, reply: Reply, seconds: float, granted: float = inf) -> None:
        super().__init__(seconds)
        self._reply = reply
        self.granted = granted

    def due(self) -> float:
        """See `Timeout`."""
        return inf if self._reply.started else self.deadline


class UntilAnswer(UntilReply):
    """One that counts from the last of the request where that has a body that streams.

    While its client sends, the client has as long for each piece. While the endpoint is to take what is there, the
    connection to it keeps the time (`bodyIdleTimeoutMs`), as only that knows whether anything moves.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange, seconds: float) -> None:
        super().__init__(exchange.reply, seconds, seconds)
        self._exchange = exchange

    def due(self) -> float:
        """See `Timeout`."""
        exchange = self._exchange
        if exchange.reply.started:
            return inf
        upstream = exchange.upstream
        if upstream is None or exchange.body.data is not None:
            return self.deadline
        if upstream.awaited is Awaited.READING:
            return max(self.deadline, monotonic() + self.granted)  # look again then
        return max(self.deadline, upstream.progress + self.granted)


def endpoint_failed(exchange: Exchange, scope: Timeout, since: float) -> bool:
    """Whether it is the endpoint's fault that `scope` expired. Notes a client's in `exchange.request_failure`.

    The endpoint's it is where it had the request, whole, for as long as the configuration grants it, or was being
    connected to. `since` is when it was tried, or last took some of the request. A deadline of the caller's says
    nothing about an endpoint, nor does what a slow upload has left of a limit.
    """
    if exchange.request_failure is not None:  # known already, and about to be raised
        return isinstance(exchange.request_failure, EndpointTimeout)
    upstream = exchange.upstream
    awaited = Awaited.RESPONSE if upstream is None else upstream.awaited
    if awaited is Awaited.CLIENT and exchange.field(b"expect") is None:  # else it may be waiting to be asked
        exchange.request_failure = ClientProtocolError("request body did not arrive in time", 408)
    if awaited is not Awaited.RESPONSE:
        return False
    return isinstance(scope, UntilReply) and monotonic() - since >= NEARLY * scope.granted


class TotalTimeout:
    """Ends the exchange, retries included, at its own limit or at the caller's deadline, which is sent to the next hop.

    Stands in every service stack, since any request may carry a deadline; costs one comparison where there is none.
    """

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float = inf) -> None:
        self._service = service
        self._seconds = seconds

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        seconds = self._seconds if exchange.context is None else min(self._seconds, remaining(exchange))
        return self._service(exchange) if seconds == inf else self._within(exchange, seconds)

    async def _within(self, exchange: Exchange, seconds: float) -> None:
        if self._seconds < inf:
            exchange.limited = True
            limit_deadline(exchange, self._seconds)
        with UntilReply(exchange.reply, seconds, self._seconds):
            return await self._service(exchange)
        raise exchange.request_failure or total_timeout(exchange.name or _NOWHERE, seconds)


class AttemptTimeout:
    """Ends one attempt after `seconds`."""

    __slots__ = ("_seconds", "_service")

    def __init__(self, service: Service, seconds: float) -> None:
        self._service = service
        self._seconds = seconds

    async def serve(self, exchange: Exchange) -> None:
        exchange.limited = True
        with UntilAnswer(exchange, self._seconds):
            return await self._service(exchange)
        raise exchange.request_failure or attempt_timeout(exchange.client_id or _NOWHERE, self._seconds)
