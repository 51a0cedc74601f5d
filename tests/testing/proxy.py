"""The data path alone: a listener, the HTTP/1 codec, one client with fixed endpoints; no names, no configuration."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

from dtab import Path
from noderouter.core.addr import Addr, AddrBound, Address
from noderouter.core.connection import ConnectionInfo
from noderouter.core.exchange import BY_STATUS, Classifier, Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.service import Service
from noderouter.core.var import Var
from noderouter.proxy.balancer.accrual.machine import NO_ACCRUAL
from noderouter.proxy.balancer.p2c import P2CKind
from noderouter.proxy.client.client import Client
from noderouter.proxy.client.connections import MakeConnections
from noderouter.proxy.client.pool import exclusive
from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.client.settings import ClientSettings
from noderouter.proxy.client.shared_pool import shared
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http1.h2c import read_h2c
from noderouter.proxy.http1.server import ServerConnection
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.http1.upstream import connect_http1
from noderouter.proxy.http2.server import Http2Connection
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.upstream import connector
from noderouter.proxy.listener.listener import Listener, listen
from noderouter.proxy.listener.places import Connection
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.reactor.wire import Wire
from noderouter.telemetry.metrics import RequestStats
from tests.testing.loop import Loop, looping

DEFAULTS = ServerSettings()
DEFAULT_POOL = PoolSettings()
HTTP_1: Final = exclusive(connect_http1)
HTTP_2: Final = shared(connector(), connect_http1)


class RetryableAtAGate:
    """A classifier: a failure is retryable where there is a gate to ask. (What is compiled has no heirs.)"""

    def head(self, exchange: Exchange) -> Verdict:
        verdict = BY_STATUS.head(exchange)
        return Verdict.RETRYABLE if exchange.gate is not None and verdict is Verdict.FAILURE else verdict

    def end(self, exchange: Exchange, trailers: Headers | None) -> Verdict:
        return BY_STATUS.end(exchange, trailers)


@dataclass
class Proxy:
    """What a test looks at."""

    loop: Loop
    listener: Listener
    client: Client
    addr: Var[Addr]
    stats: ServerStats
    faults: list[Exception] = field(default_factory=list)

    def later(self, seconds: float) -> None:
        """Have every connection believe that so much time has passed since it was last stepped."""
        for _ in self.listener.check(monotonic() + seconds):
            pass

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        return self.listener.address[1]


def addresses(*ports: int) -> Addr:
    """A bound address set on loopback."""
    return AddrBound(frozenset(Address("127.0.0.1", port) for port in ports))


@asynccontextmanager
async def proxy(
    *ports: int,
    settings: ServerSettings = DEFAULTS,
    pool: PoolSettings = DEFAULT_POOL,
    service: Service | None = None,
    captured: bytes | None = None,
    wrap: Callable[[Service], Service] = lambda service: service,
    fail_fast: bool = False,
    classifier: Classifier | None = None,
    http2: Http2ServerSettings | None = None,
    connections: MakeConnections = HTTP_1,
) -> AsyncIterator[Proxy]:
    """A proxy to origins on `ports`, or with `service` in the place of the client.

    `captured`: clients' connections were going there. `wrap` puts something around the client. `http2`: clients speak
    that; `connections` are those to the origins.
    """
    async with looping() as loop:
        addr: Var[Addr] = Var(addresses(*ports))
        client_settings = ClientSettings(
            balancer=lambda: P2CKind(kind="p2c").build(Random(1)),
            accrual=lambda: NO_ACCRUAL,
            requeue_budget=RetryBudget,
            pool=pool,
            fail_fast=fail_fast,
        )
        target = Client(
            Path.of("test"), addr, client_settings, loop.reactor, lambda _id, _address, _confined: None, connections
        )
        judge = classifier or RetryableAtAGate()
        requests = RequestStats()

        async def send(exchange: Exchange) -> None:
            exchange.classifier = judge
            await target.send(exchange, b"", requests)

        faults: list[Exception] = []
        outer = ErrorReply(
            wrap(service or send), RequestStats(), on_fault=lambda _exchange, error: faults.append(error)
        )
        stats = ServerStats()

        def make(wire: Wire, peer: tuple[str, int]) -> Connection:
            connection = ConnectionInfo(peer, ("127.0.0.1", 0), captured)
            if http2 is not None:
                return Http2Connection(wire, outer.serve, http2, stats, connection, read_h2c)
            return ServerConnection(wire, outer.serve, settings, stats, connection)

        listener = Listener(loop.reactor, listen("127.0.0.1", 0), make, lambda _error: None)
        yield Proxy(loop, listener, target, addr, stats, faults)
        listener.drain()
        listener.abort()
        target.close()
