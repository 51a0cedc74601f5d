"""The shared connections to one endpoint: each carries many exchanges at a time (HTTP/2).

An exchange goes to the connection that carries fewest, as far as the endpoint allows it (`SharedTransport.room`). Who
comes while the first connection is being opened waits for that, instead of opening another; where all are full another
one is opened, up to `max_size`, so that no exchange queues behind long streams. A connection that is about to end
(GOAWAY) gets nothing new, and leaves when its last exchange is over.

Tunnels (CONNECT) end at the endpoint itself, so each has a connection of its own, from an exclusive pool.
"""

from collections import deque
from math import inf
from random import uniform
from time import monotonic
from typing import Final

from noderouter.core.errors import ConnectError, OverloadError, RouterError
from noderouter.core.exchange import Exchange
from noderouter.proxy.client.connections import Connections, MakeConnections
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats, ours
from noderouter.proxy.transport import Connector, SharedConnector, SharedTransport, Transport
from noderouter.reactor.errors import WireError
from noderouter.reactor.event import Event
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Timeout
from noderouter.telemetry.histogram import COUNT, LATENCY, LIFETIME

LIFE_JITTER: Final = 0.2


class _Attempt:
    """A connection that is being opened, and who waits for it."""

    __slots__ = ("error", "event")

    def __init__(self) -> None:
        self.event = Event()
        self.error: RouterError | None = None


class SharedPool(Connections):
    """Opens, shares and closes the connections to `host`:`port`."""

    __slots__ = (
        "_attempt",
        "_connector",
        "_reactor",
        "_settings",
        "_stats",
        "_tunnels",
        "_waiters",
        "connections",
    )

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        settings: PoolSettings,
        stats: PoolStats,
        connector: SharedConnector,
        tunnels: Connector,
    ) -> None:
        """`host` is a literal address; `tunnels` opens what carries a tunnel."""
        super().__init__(host, port)
        self._reactor = reactor
        self._settings = settings
        self._stats = stats
        self._connector = connector
        self._tunnels = Pool(reactor, host, port, settings, stats, tunnels)
        self._attempt: _Attempt | None = None
        self._waiters: deque[Event] = deque()
        self.connections: dict[SharedTransport, None] = {}

    def __repr__(self) -> str:
        taken = sum(each.taken for each in self.connections)
        return f"<SharedPool {self.host}:{self.port} size={self.size} taken={taken}>"

    @property
    def free(self) -> int:
        """See `Connections`."""
        return sum(not each.taken for each in self.connections)

    def take(self) -> Transport | None:
        """Room on the connection that carries fewest, or None."""
        best: SharedTransport | None = None
        least = 0
        for each in self.connections:
            taken = each.taken
            if (best is None or taken < least) and taken < each.room:
                best, least = each, taken
        if best is None:
            return None
        best.taken += 1
        best.used += 1
        return best.open()

    async def open(self, exchange: Exchange | None, seconds: float = inf) -> Transport:
        """See `Connections`: room on a connection that is there by then, or is opened."""
        if exchange is not None and exchange.tunnel:
            return await self._tunnels.open(exchange, seconds)
        waited = False
        with Timeout(seconds):
            while True:
                if self.closed:
                    raise ConnectError("the endpoint was removed")
                found = self.take()
                if found is not None:
                    return found
                attempt = self._attempt
                if attempt is None:
                    if self.size >= self._settings.max_size:
                        await self._wait(waited)
                        waited = True
                        continue
                    attempt = self._begin()
                await attempt.event.wait()
                if attempt.error is not None:
                    raise attempt.error
        raise ConnectError(f"no connection within {seconds:g} s")

    def _begin(self) -> _Attempt:
        """Open a connection, for whoever waits; nobody who leaves meanwhile ends it for the others."""
        attempt = self._attempt = _Attempt()
        self.size += 1
        self._stats.connections += 1
        self._reactor.spawn(self._connect(attempt), f"connect to {self.host}:{self.port}")
        return attempt

    async def _connect(self, attempt: _Attempt) -> None:
        stats, began = self._stats, monotonic()
        seconds = self._settings.connect_seconds
        error: RouterError = ConnectError(f"no connection within {seconds:g} s")
        try:
            with Timeout(seconds):
                connection = await self._connector(self._reactor, self.host, self.port, self._settings.limits)
                stats.connects += 1
                stats.add("connect_latency_ms", LATENCY, monotonic() - began)
                self._adopt(connection)
                self._settle(attempt, None)
                return
        except WireError as broken:
            words = broken.strerror or str(broken)
            error = ConnectError(words)
            if ours(broken.errno, self.host, self.port):
                error = OverloadError(f"no connection can be opened: {words}")
        except ConnectError as refused:
            error = refused
        except BaseException:
            self._lost()
            self._settle(attempt, ConnectError("the router is stopping"))
            raise
        stats.connect_failures += 1
        stats.add("failed_connect_latency_ms", LATENCY, monotonic() - began)
        self._lost()
        self._settle(attempt, error)

    def _settle(self, attempt: _Attempt, error: RouterError | None) -> None:
        self._attempt = None
        attempt.error = error
        attempt.event.set()
        self._wake()

    def _adopt(self, connection: SharedTransport) -> None:
        life = self._settings.life_seconds
        if life != inf:
            connection.life = life * uniform(1 - LIFE_JITTER, 1)
        self.connections[connection] = None

        def changed() -> None:
            if connection.ending and not connection.taken:
                self._drop(connection)
            self._wake()

        connection.on_change = changed
        if self.closed:
            connection.retire()
            self._drop(connection)

    async def _wait(self, again: bool) -> None:
        """Wait until there may be room."""
        if len(self._waiters) >= self._settings.max_waiters:
            self._stats.too_many_waiters += 1
            raise OverloadError(f"connection pool of {self.host}:{self.port} is full")
        event = Event()
        # Who has waited and found the room gone stays first.
        self._waiters.appendleft(event) if again else self._waiters.append(event)
        self._stats.waiters += 1
        self._stats.waited += not again
        try:
            await event.wait()
        except BaseException:
            if event in self._waiters:
                self._waiters.remove(event)
            else:
                self._wake()  # it was woken for room that it does not take
            raise
        finally:
            self._stats.waiters -= 1

    def _wake(self) -> None:
        """There is room for one who waits, or a reason to look."""
        if self._waiters:
            self._waiters.popleft().set()

    def give(self, connection: Transport, now: float) -> None:
        """See `Connections`."""
        shared = connection.shared
        if shared is None:
            self._tunnels.give(connection, now)
            return
        stats, wire = self._stats, shared.wire
        stats.received_bytes += wire.received
        stats.sent_bytes += wire.sent
        wire.received = wire.sent = 0
        shared.taken -= 1
        if not shared.taken:
            shared.idle_since = now
            if shared.ending:
                self._drop(shared)
        if self._waiters:
            self._wake()

    def discard(self, connection: Transport) -> None:
        """See `Connections`: the exchange has ended its own stream, and the connection goes on."""
        if connection.shared is None:
            self._tunnels.discard(connection)
        else:
            self.give(connection, monotonic())

    def _drop(self, connection: SharedTransport) -> None:
        """Close a connection that carries nothing."""
        if connection not in self.connections:
            return
        del self.connections[connection]
        connection.on_change = None
        connection.close()
        stats, wire = self._stats, connection.wire
        stats.closes += 1
        stats.received_bytes += wire.received
        stats.sent_bytes += wire.sent
        wire.received = wire.sent = 0
        stats.add("connection_duration", LIFETIME, monotonic() - connection.born)
        stats.add("connection_requests", COUNT, connection.used)
        self._lost()

    def _lost(self) -> None:
        self.size -= 1
        self._stats.connections -= 1

    def sweep(self, now: float) -> None:
        """See `Connections`; one that is too old carries nothing new."""
        settings = self._settings
        for each in list(self.connections):
            if now - each.born > each.life and not each.ending:
                each.retire()
            if not each.taken and (
                each.ending or (self.size > settings.min_size and now - each.idle_since > settings.idle_seconds)
            ):
                each.retire()
                self._drop(each)
        self._tunnels.sweep(now)

    def close(self) -> None:
        """See `Connections`."""
        self.closed = True
        self._tunnels.close()
        for each in list(self.connections):
            each.retire()
            if not each.taken:
                self._drop(each)
        while self._waiters:
            self._waiters.popleft().set()


def shared(connector: SharedConnector, tunnels: Connector) -> MakeConnections:
    """What makes pools of connections that carry many exchanges at a time."""

    def make(reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats) -> Connections:
        return SharedPool(reactor, host, port, settings, stats, connector, tunnels)

    return make
