"""A shared pool whose connections end in sockets of the test: what endpoints say is written there."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from noderouter.core.exchange import Exchange
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.client.shared_pool import SharedPool
from noderouter.proxy.http1.upstream import connect_http1
from noderouter.proxy.http2.client_session import ClientSession
from noderouter.proxy.http2.client_settings import DEFAULT_CLIENT
from noderouter.proxy.http2.upstream import Http2Upstream
from noderouter.proxy.transport import SharedTransport, Transport, TransportLimits
from noderouter.reactor.errors import Cancelled, WireError
from noderouter.reactor.event import Event
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task
from noderouter.reactor.wire import Wire
from tests.testing.http2 import MAX_CONCURRENT_STREAMS, settings
from tests.testing.loop import Loop, looping, until


@dataclass
class End:
    """The endpoint's end of a connection."""

    sock: socket.socket
    shared: Http2Upstream

    async def allow(self, streams: int) -> None:
        """Have the endpoint announce how many streams it takes."""
        self.sock.send(settings((MAX_CONCURRENT_STREAMS, streams)))
        await until(lambda: self.shared.ending or self.shared.session.peer.max_streams == streams)

    async def say(self, frames: bytes) -> None:
        """Send frames behind which the connection is about to end."""
        self.sock.send(frames)
        await until(lambda: self.shared.ending)

    async def leave(self) -> None:
        """Close."""
        self.sock.close()
        await until(lambda: self.shared.ending)


@dataclass
class Caller:
    """Who asks for a transport: has one, waits, or failed."""

    number: int
    task: Task | None = None
    transport: Transport | None = None
    error: BaseException | None = None

    @property
    def waits(self) -> bool:
        return self.transport is None and self.error is None

    @property
    def shared(self) -> SharedTransport:
        assert self.transport is not None
        assert self.transport.shared is not None
        return self.transport.shared


@dataclass
class Ends:
    """The pool, with the ends of its connections in the order in which they were opened.

    `gate` holds connects up while it is closed; `failing` is what they fail with. `granted` are callers in the order in
    which they were served.
    """

    loop: Loop
    stats: PoolStats
    ends: list[End] = field(default_factory=list)
    gate: Event = field(default_factory=Event)
    failing: Exception | None = None
    attempts: int = 0
    callers: list[Caller] = field(default_factory=list)
    granted: list[Caller] = field(default_factory=list)
    pool: SharedPool = field(init=False)

    def make(self, pool_settings: PoolSettings) -> None:
        """Make the pool. On a busy machine a second is nothing, so connects have longer unless it is told otherwise."""
        if pool_settings.connect_seconds == PoolSettings().connect_seconds:
            pool_settings = replace(pool_settings, connect_seconds=60.0)
        self.gate.set()
        self.pool = SharedPool(
            self.loop.reactor, "127.0.0.1", 1, pool_settings, self.stats, self._connect, connect_http1
        )

    async def _connect(self, reactor: Reactor, _host: str, _port: int, limits: TransportLimits) -> SharedTransport:
        self.attempts += 1
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        session = ClientSession(Wire(reactor, ours), DEFAULT_CLIENT, 60.0)
        reactor.spawn(session.run(), session)
        shared = Http2Upstream(session, limits)
        self.ends.append(End(theirs, shared))
        return shared

    def call(self, exchange: Exchange | None = None, seconds: float = 60.0) -> Caller:
        """Ask for a transport, in a task of its own."""
        caller = Caller(len(self.callers))
        self.callers.append(caller)

        async def ask() -> None:
            try:
                caller.transport = self.pool.take() or await self.pool.open(exchange, seconds)
                self.granted.append(caller)
                assert caller.shared.taken <= max(1, caller.shared.room)
            except (Exception, Cancelled) as error:
                caller.error = error

        caller.task = self.loop.reactor.spawn(ask(), "caller")
        return caller

    async def settle(self, *callers: Caller) -> None:
        """Wait until callers are served or turned away."""
        await until(lambda: not any(each.waits for each in callers))

    async def quiet(self) -> None:
        """Wait until all that can happen has happened: nobody connects, and every caller's task has run."""
        await until(lambda: not self.pool._connecting or not self.gate.is_set())
        for _ in range(2):
            passed: list[int] = []

            async def mark(to: list[int] = passed) -> None:
                to.append(1)

            self.loop.reactor.spawn(mark(), "mark")
            await until(lambda to=passed: to)  # type: ignore[misc]

    def give(self, caller: Caller) -> None:
        """Have a caller be done."""
        assert caller.transport is not None
        transport, caller.transport = caller.transport, None
        caller.error = EOFError()
        self.pool.give(transport, 0.0)

    @property
    def holding(self) -> list[Caller]:
        return [each for each in self.callers if each.transport is not None]

    @property
    def waiting(self) -> list[Caller]:
        return [each for each in self.callers if each.waits]


def refused() -> WireError:
    """What a connect fails with where nobody listens."""
    return WireError(111, "Connection refused")


@asynccontextmanager
async def ends(pool_settings: PoolSettings | None = None) -> AsyncIterator[Ends]:
    """A shared pool while inside; whatever was taken has to be given back in the end, and nothing may be left."""
    async with looping() as loop:
        found = Ends(loop, PoolStats())
        found.make(pool_settings or PoolSettings())
        yield found
        found.pool.close()
        found.gate.set()
        await until(lambda: not found.waiting and not found.pool._connecting)
        for caller in found.holding:
            found.give(caller)
        await until(lambda: found.stats.connections == 0)
        assert found.pool.size == 0
        assert not found.pool.connections
        assert found.stats.waiters == 0
        assert all(each.shared.taken == 0 and each.shared.wire.closed for each in found.ends)
        for each in found.ends:
            each.sock.close()
