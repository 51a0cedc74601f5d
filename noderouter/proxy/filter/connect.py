"""Whether a server carries CONNECT (RFC 9110 section 9.3.6): `allowConnect`.

A tunnel is a hole: what goes through is seen by nobody, and is no request that could be judged, counted or refused.

    false        405; the default
    true         wherever names lead, as far as the destination policy lets them
    endpoints    to endpoints that a namer of Kubernetes found, and to nothing else: for a router that other routers ask
                 for tunnels to the pods of its node. Who asks cannot be told, so what can be had for it is bounded.

Server side, among the filters of requests with reserved fields: the codec sends every CONNECT there. Where there is
`clearContext` CONNECT is refused whatever is configured, since what is in the tunnel is not cleared.
"""

from collections.abc import Awaitable

from noderouter.core.errors import MethodRefused
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service


class ConnectStats:
    """Counts of one server."""

    __slots__ = ("refused",)

    def __init__(self) -> None:
        self.refused = 0


class Connect:
    """Refuses CONNECT, or confines it."""

    __slots__ = ("_allowed", "_confined", "_service", "_stats")

    def __init__(self, service: Service, stats: ConnectStats, *, allowed: bool, confined: bool = False) -> None:
        """With `confined`, tunnels end at endpoints of Kubernetes."""
        self._service = service
        self._stats = stats
        self._allowed = allowed
        self._confined = confined

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Judge, then go on.

        Raises:
            MethodRefused: this server carries no CONNECT.
        """
        if exchange.method == b"CONNECT":
            if not self._allowed:
                self._stats.refused += 1
                raise MethodRefused("this server does not carry CONNECT (allowConnect)")
            exchange.confined = self._confined
        return self._service(exchange)
