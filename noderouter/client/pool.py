"""The connections to one endpoint (spec section 4.6).

Only a connection whose last exchange is over for good (`UpstreamConnection.idle`) waits for another; others are closed.
Idle connections wait on a stack, the warmest on top, so that surplus ones grow old at the bottom and are closed. Each
lives a little shorter than `life_seconds`, by chance, so that those that were opened together do not end together.
A connection that the endpoint closes while it is idle is seen by its hang-up and leaves at once; one that says
something unasked is not trusted again.
"""

import errno
from collections import deque
from dataclasses import dataclass
from math import inf
from random import uniform
from typing import Final

from noderouter.core.errors import ConnectError, OverloadError
from noderouter.http1.upstream import DEFAULT_LIMITS, UpstreamConnection, UpstreamLimits
from noderouter.reactor.core import Reactor
from noderouter.reactor.errors import WireError
from noderouter.reactor.event import Event
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import Wire, connect

MAX_WAITERS: Final = 10_000
LIFE_JITTER: Final = 0.2
OURS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""What a connection fails with when it is this machine that has run out of something."""


@dataclass(slots=True, frozen=True)
class PoolSettings:
    """Bounds of one endpoint's pool; times in seconds."""

    connect_seconds: float = 1.0
    """For one try."""
    connecting_seconds: float = 5.0
    """For all tries of one request together."""
    idle_seconds: float = 3.0
    """Shorter than the keep-alive time of any endpoint, else requests meet its close (lessons.md 31)."""
    life_seconds: float = inf
    min_size: int = 0
    max_size: int = 2**31
    max_waiters: int = MAX_WAITERS
    limits: UpstreamLimits = DEFAULT_LIMITS


class PoolStats:
    """Counts that the pools of one client share, plain ints."""

    __slots__ = ("closes", "connect_failures", "connections", "connects", "waiters")

    def __init__(self) -> None:
        self.connects = 0
        self.closes = 0
        self.connections = 0
        self.connect_failures = 0
        self.waiters = 0


class Pool:
    """Opens, keeps and closes the connections to `host`:`port`."""

    __slots__ = ("_lasting", "_reactor", "_settings", "_stats", "_waiters", "closed", "host", "idle", "port", "size")

    def __init__(self, reactor: Reactor, host: str, port: int, settings: PoolSettings, stats: PoolStats) -> None:
        """`host` is a literal address."""
        self._reactor = reactor
        self._settings = settings
        self._stats = stats
        self._waiters: deque[Event] = deque()
        self.host = host
        self.port = port
        self.idle: list[UpstreamConnection] = []
        self._lasting = settings.life_seconds == inf
        self.size = 0
        self.closed = False

    def __repr__(self) -> str:
        return f"<Pool {self.host}:{self.port} idle={len(self.idle)} size={self.size}>"

    def take(self) -> UpstreamConnection | None:
        """An idle connection that looks alive, or None: then `open` one."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            wire = connection.wire
            if not wire.hung_up and (not wire.readable or wire.silent()):
                return connection
            self._drop(connection)
        return None

    async def open(self, seconds: float = inf) -> UpstreamConnection:
        """A new connection within `seconds`, never more than `connect_seconds`; waits for a place in a full pool.

        Raises:
            ConnectError: refused, unreachable or too slow, or removed while there was no place.
            OverloadError: too many wait already, or the system has no descriptor or memory left for us, which is no
                fault of the endpoint.
        """
        while self.size >= self._settings.max_size:
            await self._wait()
            if self.closed:
                raise ConnectError("the endpoint was removed")
            connection = self.take()
            if connection is not None:
                return connection
        self.size += 1
        self._stats.connections += 1
        seconds = min(seconds, self._settings.connect_seconds)
        try:
            with Timeout(seconds):
                wire = await connect(self._reactor, self.host, self.port)
                self._stats.connects += 1
                return self._adopt(wire)
            raise ConnectError(f"no connection within {seconds:g} s")
        except WireError as error:
            self._lost_place()
            self._stats.connect_failures += 1
            if error.errno in OURS:
                raise OverloadError(f"no connection can be opened: {error.strerror}") from None
            raise ConnectError(error.strerror or str(error)) from None
        except ConnectError:
            self._lost_place()
            self._stats.connect_failures += 1
            raise
        except BaseException:
            self._lost_place()
            raise

    def _adopt(self, wire: Wire) -> UpstreamConnection:
        connection = UpstreamConnection(wire, self._settings.limits)
        if not self._lasting:
            connection.life = self._settings.life_seconds * uniform(1 - LIFE_JITTER, 1)

        def lost(_mask: int) -> None:
            if connection in self.idle:
                self.idle.remove(connection)
                self._drop(connection)

        wire.on_hangup = lost
        return connection

    def give(self, connection: UpstreamConnection, now: float) -> None:
        """Take a connection back after an exchange that went well; keeps it if it can be used again."""
        wire = connection.wire
        if (
            connection.idle
            and not self.closed
            and not wire.hung_up
            and not wire.closed
            and (self._lasting or now - connection.born < connection.life)
        ):
            connection.idle_since = now
            self.idle.append(connection)
            if self._waiters:
                self._waiters.popleft().set()
        else:
            self._drop(connection)

    def discard(self, connection: UpstreamConnection) -> None:
        """Take a connection back after an exchange that did not come to its end; never used again."""
        self._drop(connection)

    def _drop(self, connection: UpstreamConnection) -> None:
        connection.close()
        self._stats.closes += 1
        self._lost_place()

    def _lost_place(self) -> None:
        self.size -= 1
        self._stats.connections -= 1
        if self._waiters:
            self._waiters.popleft().set()

    async def _wait(self) -> None:
        if len(self._waiters) >= self._settings.max_waiters:
            raise OverloadError(f"connection pool of {self.host}:{self.port} is full")
        turn = Event()
        self._waiters.append(turn)
        self._stats.waiters += 1
        try:
            await turn.wait()
        except BaseException:
            if turn in self._waiters:
                self._waiters.remove(turn)
            elif self._waiters:
                self._waiters.popleft().set()  # it was our turn: pass it on
            raise
        finally:
            self._stats.waiters -= 1

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
        """Close what is idle now, and the rest when it comes back; who waits for a place has to go elsewhere."""
        self.closed = True
        while self._waiters:
            self._waiters.popleft().set()
        while self.idle:
            self._drop(self.idle.pop())
