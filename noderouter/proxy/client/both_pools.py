"""The connections to one endpoint that is asked as its callers ask: HTTP/1 and HTTP/2, each on connections of its own.

For routers that take both from their clients. Most endpoints are asked in one of the two, so what carries HTTP/2 is
made with the first exchange of it. The bounds hold for each of the two.
"""

from noderouter.proxy.client.connections import Connections, MakeConnections
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.transport import Connector
from noderouter.reactor.loop import Reactor


class BothPools(Pool):
    """A pool for HTTP/1, and behind `streams` what carries HTTP/2."""

    __slots__ = ("_make_streams", "_streams")

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        settings: PoolSettings,
        stats: PoolStats,
        connector: Connector,
        make_streams: MakeConnections,
    ) -> None:
        """`host` is a literal address; `make_streams` makes what carries HTTP/2."""
        super().__init__(reactor, host, port, settings, stats, connector)
        self._make_streams = make_streams
        self._streams: Connections | None = None

    @property
    def free(self) -> int:
        """See `Connections`."""
        return len(self.idle) + (0 if self._streams is None else self._streams.free)

    @property
    def total(self) -> int:
        """See `Connections`."""
        return self.size + (0 if self._streams is None else self._streams.total)

    def streams(self) -> Connections:
        """See `Connections`."""
        found = self._streams
        if found is None:
            found = self._streams = self._make_streams(self._reactor, self.host, self.port, self._settings, self._stats)
            if self.closed:
                found.close()
        return found

    def sweep(self, now: float) -> None:
        """See `Connections`."""
        super().sweep(now)
        if self._streams is not None:
            self._streams.sweep(now)

    def close(self) -> None:
        """See `Connections`."""
        super().close()
        if self._streams is not None:
            self._streams.close()


def by_version(connector: Connector, make_streams: MakeConnections) -> MakeConnections:
    """What makes connections for exchanges of HTTP/1 with `connector`, and of HTTP/2 with `make_streams`."""

    def make(reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats) -> Connections:
        return BothPools(reactor, host, port, settings, stats, connector, make_streams)

    return make
