"""The shared connections to one endpoint: each carries many exchanges at a time (HTTP/2).

An exchange goes to the connection that carries fewest, as far as the endpoint allows it (`SharedTransport.room`). Where
all are full another one is opened, up to `max_size`, so that no exchange queues behind long streams; one at a time, and
all who come meanwhile wait for it. A connection that is about to end (GOAWAY) gets nothing new, and leaves when its
last exchange is over. Where an endpoint takes nothing at the moment (`SharedTransport.shut`), no other one is opened.

Who waits stands in one line, and who comes first is served first: room that comes free is handed to whoever has waited
for longest, and is never up for grabs. So there is no room while anybody waits, and `take` can overtake nobody.

Tunnels (CONNECT) end at the endpoint itself, so each has a connection of its own, from an exclusive pool.
"""

from collections import OrderedDict
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


class _Turn:
    """A place in the line: ends with a transport, or with an error."""

    __slots__ = ("error", "event", "transport")

    def __init__(self) -> None:
        self.event = Event()
        self.transport: Transport | None = None
        self.error: RouterError | None = None


class SharedPool(Connections):
    """Opens, shares and closes the connections to `host`:`port`."""

    __slots__ = (
        "_connecting",
        "_connector",
        "_line",
        "_reactor",
        "_settings",
        "_stats",
        "_tunnels",
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
        self._connecting = False
        self._line: OrderedDict[_Turn, None] = OrderedDict()  # thousands may leave at once
        self.connections: dict[SharedTransport, None] = {}

    def __repr__(self) -> str:
        taken = sum(each.taken for each in self.connections)
        return f"<SharedPool {self.host}:{self.port} size={self.size} taken={taken}>"

    @property
    def free(self) -> int:
        """See `Connections`."""
        return sum(not each.taken for each in self.connections)

    @property
    def total(self) -> int:
        """See `Connections`."""
        return self.size + self._tunnels.size

    def take(self) -> Transport | None:
        """Room on the connection that carries fewest, or None."""
        best: SharedTransport | None = None
        least = 0
        for each in self.connections:
            taken = each.taken
            if (best is None or taken < least) and taken < each.room:
                best, least = each, taken
                if not taken:
                    break
        if best is None:
            return None
        best.taken += 1
        best.used += 1
        return best.open()

    async def open(self, exchange: Exchange | None, seconds: float = inf) -> Transport:
        """See `Connections`: room on a connection that is there by then, or is opened.

        `seconds` are for connecting: who waits for room in a full pool waits for other exchanges, as long as his own
        limits let him.
        """
        if exchange is not None and exchange.tunnel:
            return await self._tunnels.open(exchange, seconds)
        if self.closed:
            raise ConnectError("the endpoint was removed")
        found = self.take()
        if found is not None:
            return found
        full = self._full()
        if full and len(self._line) >= self._settings.max_waiters:
            self._stats.too_many_waiters += 1
            raise OverloadError(f"connection pool of {self.host}:{self.port} is full")
        turn = _Turn()
        self._line[turn] = None
        self._stats.waiters += full
        self._stats.waited += full
        try:
            self._serve()
            await self._stand(turn, seconds)
        except BaseException:
            if turn.transport is not None:
                self.discard(turn.transport)
            else:
                self._line.pop(turn, None)
            raise
        finally:
            self._stats.waiters -= full
        if turn.transport is None:
            # One error may be that of thousands, each of which would add its frames to it.
            raise (turn.error or ConnectError("the endpoint was removed")).with_traceback(None)
        return turn.transport

    async def _stand(self, turn: _Turn, seconds: float) -> None:
        """Wait in line until there is room, or none will be."""
        with Timeout(seconds):
            await turn.event.wait()
        if turn.event.is_set():
            return
        if self._connecting:
            raise ConnectError(f"no connection within {seconds:g} s")
        if self._shut():
            raise ConnectError(f"the endpoint allowed no stream for {seconds:g} s (SETTINGS_MAX_CONCURRENT_STREAMS)")
        await turn.event.wait()

    def _serve(self) -> None:
        """Hand out the room that there is to those in line, and open a connection where that is not enough."""
        line = self._line
        while line:
            found = self.take()
            if found is None:
                break
            turn, _ = line.popitem(last=False)
            turn.transport = found
            turn.event.set()
        if line and not self._connecting and not self.closed and not self._full() and not self._shut():
            self._connecting = True
            self.size += 1
            self._stats.connections += 1
            self._reactor.spawn(self._connect(), f"connect to {self.host}:{self.port}")

    def _full(self) -> bool:
        """Whether no connection may be opened. Those that end carry on what they have, and are in nobody's way."""
        most = self._settings.max_size
        return self.size >= most and self.size - sum([each.ending for each in self.connections]) >= most

    def _shut(self) -> bool:
        """Whether the endpoint has said on a connection that it takes nothing at the moment."""
        return any(each.shut for each in self.connections)

    def _turn_away(self, error: RouterError) -> None:
        """Nobody in line will have room: they go elsewhere."""
        line, self._line = self._line, OrderedDict()
        for turn in line:
            turn.error = error
            turn.event.set()

    async def _connect(self) -> None:
        """Open a connection for whoever waits; nobody who leaves meanwhile ends it for the others."""
        stats, began = self._stats, monotonic()
        seconds = self._settings.connect_seconds
        error: RouterError = ConnectError(f"no connection within {seconds:g} s")
        try:
            with Timeout(seconds):
                connection = await self._connector(self._reactor, self.host, self.port, self._settings.limits)
                stats.connects += 1
                stats.add("connect_latency_ms", LATENCY, monotonic() - began)
                self._connecting = False
                self._adopt(connection)
                return
        except WireError as broken:
            words = broken.strerror or str(broken)
            error = ConnectError(words)
            if ours(broken.errno, self.host, self.port):
                error = OverloadError(f"no connection can be opened: {words}")
        except ConnectError as refused:
            error = refused
        except BaseException:
            self._connecting = False
            self._lost()
            self._turn_away(ConnectError("the router is stopping"))
            raise
        self._connecting = False
        stats.connect_failures += 1
        stats.add("failed_connect_latency_ms", LATENCY, monotonic() - began)
        self._lost()
        self._turn_away(error)

    def _adopt(self, connection: SharedTransport) -> None:
        life = self._settings.life_seconds
        if life != inf:
            connection.life = life * uniform(1 - LIFE_JITTER, 1)
        self.connections[connection] = None
        connection.count_in(self._stats.stream_stats())

        def changed() -> None:
            if connection.ending and not connection.taken:
                self._drop(connection)
            self._serve()

        connection.on_change = changed
        if self.closed:
            connection.retire()
            self._drop(connection)
        if not self._line:
            self._stats.cancelled_connects += 1
        self._serve()

    def give(self, connection: Transport, now: float) -> None:
        """See `Connections`."""
        shared = connection.shared
        if shared is None:
            self._tunnels.give(connection, now)
            return
        shared.taken -= 1
        if not shared.taken:
            shared.idle_since = now
            if shared.ending:
                self._drop(shared)
        if self._line:
            self._serve()

    def discard(self, connection: Transport) -> None:
        """See `Connections`: the exchange has ended its own stream, and the connection goes on."""
        if connection.shared is None:
            self._tunnels.discard(connection)
        else:
            self.give(connection, monotonic())

    def _count_bytes(self, connection: SharedTransport) -> None:
        stats, wire = self._stats, connection.wire
        stats.received_bytes += wire.received
        stats.sent_bytes += wire.sent
        wire.received = wire.sent = 0

    def _drop(self, connection: SharedTransport) -> None:
        """Close a connection that carries nothing."""
        if connection not in self.connections:
            return
        del self.connections[connection]
        connection.on_change = None
        connection.close()
        self._count_bytes(connection)
        stats = self._stats
        stats.closes += 1
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
            each.check(now)
            self._count_bytes(each)
            if now - each.born > each.life and not each.ending:
                each.retire()
            if not each.taken and (
                each.ending or (self.size > settings.min_size and now - each.idle_since > settings.idle_seconds)
            ):
                each.retire()
                self._drop(each)
        if self._line:
            self._serve()
        self._tunnels.sweep(now)

    def close(self) -> None:
        """See `Connections`."""
        self.closed = True
        self._tunnels.close()
        for each in list(self.connections):
            each.retire()
            if not each.taken:
                self._drop(each)
        self._turn_away(ConnectError("the endpoint was removed"))


def shared(connector: SharedConnector, tunnels: Connector) -> MakeConnections:
    """What makes pools of connections that carry many exchanges at a time."""

    def make(reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats) -> Connections:
        return SharedPool(reactor, host, port, settings, stats, connector, tunnels)

    return make
