"""A flow: a captured connection that is carried as it is, byte for byte.

To the router it is an exchange like any other, with the method CONNECT: it gets a name, is bound, balanced, counted and
tried elsewhere while nothing has been sent. The difference is in its reply: nothing is said to the client, who knows of
no router. What fails, fails as a connection does, with a reset.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

from noderouter.core.body import NO_BODY
from noderouter.core.connection import ConnectionInfo
from noderouter.core.errors import EndpointProtocolError, IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_1, Response
from noderouter.core.service import Service
from noderouter.proxy.identifier.kind import Identifier, Unidentified
from noderouter.proxy.tcp.relay import Relay
from noderouter.reactor.errors import Unwind, WireError
from noderouter.reactor.wire import Wire
from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.observe import Observe

HTTP_PORT: Final = b":80"


class FlowReply:
    """Where the bytes of a flow go; see `core.reply.Reply`."""

    __slots__ = ("_idle", "broken", "connection", "on_started", "received_bytes", "sent_bytes", "started", "wire")

    def __init__(self, wire: Wire, connection: ConnectionInfo, idle: float) -> None:
        """`idle`: seconds without a byte either way after which the flow ends."""
        self.wire = wire
        self.connection = connection
        self.started = False
        self.broken = False
        self.sent_bytes = 0
        self.received_bytes = 0
        self.on_started: Callable[[], None] | None = None
        """Called when the flow is through to its endpoint."""
        self._idle = idle

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """A response has no place here: not of a router on the way, and not a fixed one of the dtab."""
        raise EndpointProtocolError(f"a connection cannot be answered with {response.status}, so it is reset")

    async def inform(self, response: Response) -> None:
        """Send nothing: the client expects no HTTP."""

    async def push(self, data: bytes) -> None:
        """Not used: `begin` refuses."""

    async def finish(self, trailers: Headers | None = None) -> None:
        """Not used: `begin` refuses."""

    async def tunnel(self, response: Response, wire: Any, early: bytes) -> None:
        """Carry until both ends have finished. One that breaks off, or is idle for too long, is no fault of anybody."""
        self.started = True
        if self.on_started is not None:
            self.on_started()
        relay = Relay(self.wire, wire, self._idle)
        try:
            await relay.run(early)
        except WireError:
            self.broken = True
        finally:
            self.sent_bytes, self.received_bytes = relay.bytes_left, relay.bytes_right


def flow(reply: FlowReply, scheme: bytes, sni: bytes | None) -> Exchange:
    """The exchange of a flow; `scheme` is `tcp` or `tls`, and the authority the server name, if any."""
    destination = reply.connection.destination or b""
    target = destination if destination.rfind(b":") > destination.rfind(b"]") else destination + HTTP_PORT
    block = b"Host: %b\r\n" % target
    exchange = Exchange(b"CONNECT", target, sni, block, NO_BODY, reply, HTTP_1_1, None, monotonic(), scheme=scheme)
    exchange.tunnel = True
    return exchange


class FlowNames:
    """Gives a flow its logical name."""

    __slots__ = ("_identify", "_service")

    def __init__(self, service: Service, identifier: Identifier) -> None:
        """`service` takes exchanges that have a name."""
        self._service = service
        self._identify = identifier.identify

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Name it and hand over.

        Raises:
            IdentificationError: no identifier has a name for it.
        """
        name = self._identify(exchange)
        if isinstance(name, Unidentified):
            raise IdentificationError(f"no name for a connection to {exchange.target.decode('latin-1')}: {name.reason}")
        exchange.name = name
        return self._service(exchange)


class FlowStats:
    """Counts flows: one that could be carried is a success, and its latency is the time until it was."""

    __slots__ = ("_observe", "_on_failed", "_service", "_stats")

    def __init__(
        self,
        service: Service,
        stats: RequestStats,
        on_failed: Callable[[Exchange, Exception], None],
        observe: Observe,
    ) -> None:
        """`on_failed` is told why a flow was reset: the client cannot be. `observe` is the seam of the router."""
        self._service = service
        self._stats = stats
        self._on_failed = on_failed
        self._observe = observe

    async def serve(self, exchange: Exchange) -> None:
        """Go on, and count; show it to those who look."""
        watch = self._observe.watch(exchange) if self._observe.observers else None
        stats = self._stats
        stats.pending += 1
        try:
            await self._service(exchange)
            stats.record(exchange, None, (exchange.head_at or monotonic()) - exchange.started)
        except (Exception, Unwind) as error:
            stats.record(exchange, error, monotonic() - exchange.started)
            if isinstance(error, Exception) and not exchange.reply.started:
                self._on_failed(exchange, error)
            if watch is not None:
                watch.over(exchange, error)
            raise
        finally:
            stats.pending -= 1
        if watch is not None:
            watch.over(exchange, None)
