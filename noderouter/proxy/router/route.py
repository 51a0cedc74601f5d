"""The way of one logical name to one client: the client stack (docs/linkerd1.md section 0)."""

from collections.abc import Awaitable, Callable

from dtab import Bound, Path
from noderouter.core.errors import BindingError, NoSuchName
from noderouter.core.exchange import FAILURE, SUCCESS, Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.core.service import Service, Serving
from noderouter.proxy.filter.propagate import destination_fields
from noderouter.proxy.filter.timeout import AttemptTimeout
from noderouter.proxy.http.success_class import success_fields
from noderouter.proxy.router.clients import Clients
from noderouter.telemetry.metrics import RequestStats


class Route:
    """What a bound leaf becomes for one logical name.

    Stack: attempt timeout, where configured → client, which counts for the pair of them.
    """

    __slots__ = (
        "_clients",
        "_fields",
        "_limited",
        "_on_close",
        "_passing",
        "_stats",
        "client",
        "client_id",
        "residual",
    )

    def __init__(
        self,
        name: Path,
        bound: Bound,
        clients: Clients,
        stats: RequestStats,
        attempt_seconds: float | None,
        on_close: Callable[[], None],
        passing: bool = False,
        tells_certificate: bool = False,
    ) -> None:
        """Acquires the client from `clients` until `close`; `passing` under a dtab of the request.

        `tells_certificate`: endpoints are told what the caller has proved to be.

        Raises:
            OverloadError: overrides have as many clients as they may.
        """
        self._clients = clients
        self._on_close = on_close
        self._passing = passing
        self.client = clients.acquire(bound, passing)
        self.client_id = bound.id
        self.residual = bound.residual
        self._fields = destination_fields(name, bound.id, bound.residual)
        self._stats = stats
        send = self._tell_certificate if tells_certificate else self._send
        self._limited: Service | None = send if tells_certificate else None
        if attempt_seconds is not None:
            self._limited = AttemptTimeout(send, attempt_seconds).serve

    def __repr__(self) -> str:
        return f"<Route to {self.client_id.show()}>"

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        exchange.client_id = self.client_id
        exchange.residual = self.residual
        if self._limited is not None:
            return self._limited(exchange)
        return self.client.send(exchange, self._fields, self._stats)

    def follow(self, bound: Bound) -> None:
        """The name was bound anew, to the same id."""
        if not self._passing:
            self.client.follow(bound.addr)
        else:
            self._clients.follow_passing(self.client, bound)

    def close(self) -> None:
        """Let the client go; exchanges in flight complete."""
        self._clients.release(self.client)
        self._on_close()

    def _send(self, exchange: Exchange) -> Awaitable[None]:
        return self.client.send(exchange, self._fields, self._stats)

    def _tell_certificate(self, exchange: Exchange) -> Awaitable[None]:
        certificate = exchange.reply.connection.certificate
        fields = self._fields if certificate is None else self._fields + certificate.field()
        return self.client.send(exchange, fields, self._stats)


MakeRoute = Callable[[Path, Bound, bool], Serving]
"""Makes a route of a name to a bound leaf; with True for one that only a dtab of the request leads to.

Raises OverloadError where overrides have as many clients as they may.
"""


class LateRoute:
    """The route of an override to one leaf, made when a request takes it: unions of strangers cost one client each."""

    __slots__ = ("_bound", "_make", "_name", "_route")

    def __init__(self, make: MakeRoute, name: Path, bound: Bound) -> None:
        self._make = make
        self._name = name
        self._bound = bound
        self._route: Serving | None = None

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Raises OverloadError where overrides have as many clients as they may."""
        route = self._route
        if route is None:
            route = self._route = self._make(self._name, self._bound, True)
        return route.serve(exchange)

    def follow(self, bound: Bound) -> None:
        """See `Route.follow`."""
        self._bound = bound
        if isinstance(self._route, Route):
            self._route.follow(bound)

    def close(self) -> None:
        """See `Route.close`."""
        if isinstance(self._route, Route):
            self._route.close()
        self._route = None


class FixedAnswer:
    """The route of `/$/io.buoyant.http.status/<code>`: answers without an endpoint."""

    __slots__ = ("_status", "client_id")

    def __init__(self, client_id: Path, status: int) -> None:
        self.client_id = client_id
        self._status = status

    async def serve(self, exchange: Exchange) -> None:
        exchange.client_id = self.client_id
        response = exchange.response = Response(self._status, b"", Headers(), 0)
        exchange.verdict = FAILURE if self._status >= 500 else SUCCESS
        exchange.reply_fields += success_fields(exchange.verdict)
        pending = exchange.reply.begin(response, b"")
        if pending is not None:
            await pending


class NoRoute:
    """The route of a name, or of a branch, that leads nowhere.

    An empty branch of a union fails without another branch taking over (docs/linkerd1.md section 1.5).
    """

    __slots__ = ("_reason",)

    def __init__(self, reason: str | None = None) -> None:
        """`reason` is why binding failed; None where the name is simply not known."""
        self._reason = reason

    async def serve(self, exchange: Exchange) -> None:
        if self._reason is not None:
            raise BindingError(self._reason)
        raise NoSuchName("no endpoint")
