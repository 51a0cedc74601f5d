"""The connections to one endpoint, as a client sees them: exclusive ones (`pool`) or shared ones (`shared_pool`)."""

from collections.abc import Callable
from math import inf

from noderouter.core.exchange import Exchange
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.transport import Transport
from noderouter.reactor.loop import Reactor


class Connections:
    """What carries exchanges to `host`:`port`.

    Attributes:
        size: connections, those included that are being opened.
        closed: the endpoint was removed.
    """

    __slots__ = ("closed", "host", "port", "size")

    def __init__(self, host: str, port: int) -> None:
        """`host` is a literal address."""
        self.host = host
        self.port = port
        self.size = 0
        self.closed = False

    @property
    def free(self) -> int:
        """Connections that carry nothing at the moment."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        """All connections, for those who look: of each version, and tunnels."""
        return self.size

    def streams(self) -> "Connections":
        """What carries exchanges of HTTP/2, where that is not what carries all others."""
        return self

    def take(self) -> Transport | None:
        """A transport that can be used at once, or None: then `open` one."""
        raise NotImplementedError

    async def open(self, exchange: Exchange | None, seconds: float = inf) -> Transport:
        """A transport within `seconds`, waiting for a connection or for room on one.

        Raises:
            ConnectError: refused, unreachable or too slow, or removed while there was no place.
            OverloadError: too many wait already, or the system has no descriptor, port or memory left for us, which
                is no fault of the endpoint.
        """
        raise NotImplementedError

    def give(self, connection: Transport, now: float) -> None:
        """Take a transport back after an exchange that went well."""
        raise NotImplementedError

    def discard(self, connection: Transport) -> None:
        """Take a transport back after an exchange that did not come to its end."""
        raise NotImplementedError

    def sweep(self, now: float) -> None:
        """Close connections that have been idle or alive for too long."""
        raise NotImplementedError

    def close(self) -> None:
        """Close idle connections now, and the rest as they come back; waiters have to go elsewhere."""
        raise NotImplementedError


MakeConnections = Callable[[Reactor, str, int, PoolSettings, PoolStats], Connections]
"""Makes the connections of one endpoint."""
