"""The connections to one endpoint (docs/linkerd1.md section 4.6).

Only a connection whose last exchange is over for good (`Transport.idle`) waits for another; others are closed.
Idle connections wait on a stack, the warmest on top, so that surplus ones grow old at the bottom and are closed. Each
lives a little shorter than `life_seconds`, by chance, so that those that were opened together do not end together.
A connection that the endpoint closes while it is idle is seen by its hang-up and leaves at once; one that says
something unasked is not trusted again.

In a full pool who comes first is served first. The place that comes free is handed to whoever has waited for longest,
with the connection that stands in it if there is one, and is never up for grabs. So nothing is idle while anybody
waits, and `take` can overtake nobody.
"""

from collections import OrderedDict
from math import inf
from random import uniform
from time import monotonic
from typing import Final

from noderouter.core.errors import ConnectError, OverloadError
from noderouter.core.exchange import Exchange
from noderouter.proxy.client.connections import Connections, MakeConnections
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats, ours
from noderouter.proxy.transport import Connector, Transport
from noderouter.reactor.errors import WireError
from noderouter.reactor.event import Event
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import Wire
from noderouter.telemetry.histogram import COUNT, LATENCY, LIFETIME

LIFE_JITTER: Final = 0.2


class _Turn:
    """A waiter for a place. `granted`: it has one; `connection` stands in it, if that can be used again."""

    __slots__ = ("connection", "event", "granted")

    def __init__(self) -> None:
        self.event = Event()
        self.granted = False
        self.connection: Transport | None = None


class Pool(Connections):
    """Opens, keeps and closes the connections to `host`:`port`; each carries one exchange at a time."""

    __slots__ = ("_connector", "_lasting", "_reactor", "_settings", "_stats", "_waiters", "idle")

    def __init__(
        self, reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats, connector: Connector
    ) -> None:
        """`host` is a literal address."""
        super().__init__(host, port)
        self._connector = connector
        self._reactor = reactor
        self._settings = settings
        self._stats = stats
        self._waiters: OrderedDict[_Turn, None] = OrderedDict()  # thousands may leave at once
        self.idle: list[Transport] = []
        self._lasting = settings.life_seconds == inf

    def __repr__(self) -> str:
        return f"<Pool {self.host}:{self.port} idle={len(self.idle)} size={self.size}>"

    @property
    def free(self) -> int:
        """See `Connections`."""
        return len(self.idle)

    def take(self) -> Transport | None:
        """An idle connection that looks alive, or None: then `open` one."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if _quiet(connection.wire):
                return connection
            self._drop(connection)
        return None

    async def open(self, exchange: Exchange | None, seconds: float = inf) -> Transport:
        """A new connection within `seconds`, never more than `connect_seconds`; waits for a place in a full pool.

        What comes back meanwhile is as good, unless `exchange` needs a fresh one by then, or there is none: who only
        wants to see whether a connection comes about.

        Raises:
            ConnectError: refused, unreachable or too slow, or removed while there was no place.
            OverloadError: too many wait already, or the system has no descriptor, port or memory left for us, which
                is no fault of the endpoint.
        """
        if self.size < self._settings.max_size:
            self.size += 1
            self._stats.connections += 1
        elif self.idle:  # left by `take`, or not asked for, as it has to be a fresh one
            self._end(self.idle.pop(0))
        else:
            connection = await self._wait()
            if connection is not None:
                if exchange is not None and not exchange.needs_fresh and _quiet(connection.wire):
                    return connection
                self._end(connection)
        return await self._connect(min(seconds, self._settings.connect_seconds))

    async def _connect(self, seconds: float) -> Transport:
        """Open a connection in a place that is ours."""
        stats, began = self._stats, monotonic()
        try:
            with Timeout(seconds):
                connection = await self._connector(self._reactor, self.host, self.port, self._settings.limits)
                stats.connects += 1
                stats.add("connect_latency_ms", LATENCY, monotonic() - began)
                return self._adopt(connection)
            raise ConnectError(f"no connection within {seconds:g} s")
        except WireError as error:
            self._failed(began)
            if ours(error.errno, self.host, self.port):
                raise OverloadError(f"no connection can be opened: {error.strerror}") from None
            raise ConnectError(error.strerror or str(error)) from None
        except ConnectError:
            self._failed(began)
            raise
        except BaseException:
            self._lost_place()
            stats.cancelled_connects += 1
            raise

    def _failed(self, began: float) -> None:
        self._lost_place()
        self._stats.connect_failures += 1
        self._stats.add("failed_connect_latency_ms", LATENCY, monotonic() - began)

    def _adopt(self, connection: Transport) -> Transport:
        if not self._lasting:
            connection.life = self._settings.life_seconds * uniform(1 - LIFE_JITTER, 1)

        def lost(_mask: int) -> None:
            if connection in self.idle:
                self.idle.remove(connection)
                self._drop(connection)

        connection.wire.on_hangup = lost
        return connection

    def give(self, connection: Transport, now: float) -> None:
        """Take a connection back after an exchange that went well; keeps it if it can be used again."""
        wire, stats = connection.wire, self._stats
        stats.received_bytes += wire.received
        stats.sent_bytes += wire.sent
        wire.received = wire.sent = 0
        if (
            connection.idle
            and not self.closed
            and not wire.hung_up
            and not wire.closed
            and (self._lasting or now - connection.born < connection.life)
        ):
            connection.idle_since = now
            if self._waiters:
                self._grant(connection)
            else:
                self.idle.append(connection)
        else:
            self._drop(connection)

    def discard(self, connection: Transport) -> None:
        """Take a connection back after an exchange that did not come to its end; never used again."""
        self._drop(connection)

    def _drop(self, connection: Transport) -> None:
        self._end(connection)
        self._lost_place()

    def _end(self, connection: Transport) -> None:
        """Close a connection whose place is kept."""
        connection.close()
        wire, stats = connection.wire, self._stats
        stats.closes += 1
        stats.received_bytes += wire.received
        stats.sent_bytes += wire.sent
        wire.received = wire.sent = 0
        stats.add("connection_duration", LIFETIME, monotonic() - connection.born)
        stats.add("connection_requests", COUNT, connection.used)

    def _lost_place(self) -> None:
        if self._waiters:
            self._grant(None)
        else:
            self.size -= 1
            self._stats.connections -= 1

    def _grant(self, connection: Transport | None) -> None:
        """Give a place, and the connection in it, to the waiter of longest standing."""
        turn, _ = self._waiters.popitem(last=False)
        turn.granted = True
        turn.connection = connection
        turn.event.set()

    async def _wait(self) -> Transport | None:
        """Wait for a place in a full pool; answers the connection that came with it."""
        if len(self._waiters) >= self._settings.max_waiters:
            self._stats.too_many_waiters += 1
            raise OverloadError(f"connection pool of {self.host}:{self.port} is full")
        turn = _Turn()
        self._waiters[turn] = None
        self._stats.waiters += 1
        self._stats.waited += 1
        try:
            await turn.event.wait()
            if self.closed:
                raise ConnectError("the endpoint was removed")
        except BaseException:
            if turn.connection is not None:
                self.give(turn.connection, monotonic())
            elif turn.granted:
                self._lost_place()
            else:
                self._waiters.pop(turn, None)
            raise
        finally:
            self._stats.waiters -= 1
        return turn.connection

    def sweep(self, now: float) -> None:
        """Close connections that have been idle or alive for too long."""
        settings = self._settings
        idle = self.idle
        while (
            idle
            and self.size > settings.min_size
            and (now - idle[0].idle_since > settings.idle_seconds or now - idle[0].born > idle[0].life)
        ):
            self._drop(idle.pop(0))

    def close(self) -> None:
        """Close idle connections now, and the rest as they come back; waiters have to go elsewhere."""
        self.closed = True
        while self._waiters:
            self._waiters.popitem(last=False)[0].event.set()
        while self.idle:
            self._drop(self.idle.pop())


def _quiet(wire: Wire) -> bool:
    """Whether nothing has come, and nobody has left, since the last exchange on `wire` was over."""
    return not wire.hung_up and (not wire.readable or wire.silent())


def exclusive(connector: Connector) -> MakeConnections:
    """What makes pools of connections that carry one exchange at a time."""

    def make(reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats) -> Connections:
        return Pool(reactor, host, port, settings, stats, connector)

    return make
