"""The client of one bound name (Linkerd's client stack below the stats): endpoints, balancer, requeues.

One client serves every logical name that is bound to its id. The address set is a `Var`, compared by version on
each request and on each sweep, so a removed endpoint leaves at the latest with the next sweep.

*Requeues* repeat what is known not to have been processed: a connection that could not be opened, a write that
took nothing, an idle connection that died. They go to a fresh pick, at once, within `requeue_budget`.
"""

from math import ceil
from time import monotonic
from typing import Any, Final, cast

from dtab import Path
from noderouter.core.addr import GATEWAY, Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.epoch import EPOCH
from noderouter.core.errors import (
    ConnectError,
    EndpointProtocolError,
    EndpointTimeout,
    FailedFast,
    NoSuchName,
    RouterError,
    Unprocessed,
)
from noderouter.core.exchange import SUCCESS, Exchange
from noderouter.core.journey import begin_attempt, end_attempt
from noderouter.core.message import HTTP_2
from noderouter.core.var import Var
from noderouter.policy.authorizer import Authorizer
from noderouter.proxy.client.connections import Connections, MakeConnections
from noderouter.proxy.client.endpoint import MARK_SECONDS, Endpoint
from noderouter.proxy.client.fail_fast import FailFast
from noderouter.proxy.client.instance import Instances
from noderouter.proxy.client.pool_settings import PoolStats
from noderouter.proxy.client.settings import ClientSettings, Guard
from noderouter.proxy.filter.timeout import endpoint_failed
from noderouter.proxy.http.deadline import timeout_line
from noderouter.proxy.http.error_text import binding_timeout
from noderouter.proxy.transport import Transport
from noderouter.reactor.errors import Expired, Unwind
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Timeout
from noderouter.telemetry.histogram import COUNT
from noderouter.telemetry.metrics import RequestStats, failure_name

CONNECT_REQUEUES: Final = 25
"""Tries beyond the first to get a connection for one request (Finagle's figure)."""
REQUEUE_SHARE: Final = 0.2
"""Other requeues of one request: at most this share of the budget's balance."""


class Client:
    """Balances exchanges over the endpoints of `id`."""

    __slots__ = (
        "_addr",
        "_authorizer",
        "_connect",
        "_connecting_seconds",
        "_epoch",
        "_fail_fast",
        "_guard",
        "_mark_at",
        "_reactor",
        "_settings",
        "_version",
        "balancer",
        "budget",
        "budget_exhausted",
        "cannot_retry",
        "endpoints",
        "id",
        "in_flight",
        "limits",
        "not_open",
        "pool_stats",
        "request_limit",
        "requeues",
        "routes",
        "stalls",
        "updates",
    )

    def __init__(
        self,
        id: Path,
        addr: Var[Addr],
        settings: ClientSettings,
        reactor: Reactor,
        guard: Guard,
        connect: MakeConnections,
        authorizer: Authorizer | None = None,
        instances: Instances | None = None,
    ) -> None:
        """Hold `addr` until `close`; `authorizer` is asked for every exchange, where policies are configured.

        `instances` are those that other clients may lead to as well, of which limits are one.
        """
        self.id = id
        self.endpoints: dict[Address, Endpoint] = {}
        self.pool_stats = PoolStats()
        self.requeues = 0
        # Why a request that failed was not sent again: no tries left, no budget, perhaps processed, nobody to be tried.
        self.request_limit = self.budget_exhausted = self.cannot_retry = self.not_open = 0
        self.updates = 0
        self.stalls = 0
        self.in_flight = 0
        self.routes = 0
        self._addr = addr
        self._authorizer = authorizer
        self._settings = settings
        self._reactor = reactor
        self._guard = guard
        self._connect = connect
        self._connecting_seconds = settings.pool.connecting_seconds
        self._fail_fast = FailFast(reactor) if settings.fail_fast else None
        self.balancer = settings.balancer()
        self.limits = settings.limits(self.balancer, Instances() if instances is None else instances, id.show())
        self.budget = settings.requeue_budget()
        self._epoch = -1
        self._version = -1
        self._mark_at = 0.0
        addr.hold()
        self.refresh()

    def __repr__(self) -> str:
        return f"<Client {self.id.show()} endpoints={len(self.endpoints)} in_flight={self.in_flight}>"

    @property
    def addr(self) -> Addr:
        """The state of the address set."""
        return self._addr.value

    @property
    def down(self) -> int:
        """Endpoints that cannot be connected to, as far as `failFast` knows."""
        return 0 if self._fail_fast is None else self._fail_fast.down

    def follow(self, addr: "Var[Addr] | Any") -> None:
        """Take the addresses from `addr` from now on: a new binding of the same id may bring a new Var."""
        if addr is self._addr:
            return
        addr.hold()
        self._addr.release()
        self._addr = addr
        self._epoch = self._version = -1
        self.refresh()

    def refresh(self) -> None:
        """Follow the address set: new endpoints in, removed ones out, the state of the others kept."""
        if self._epoch == EPOCH.count:
            return
        self._epoch = EPOCH.count
        if (version := self._addr.version) == self._version:
            return
        self._version = version
        addr = self._addr.value
        wanted = addr.addresses if isinstance(addr, AddrBound) else frozenset()
        endpoints = self.endpoints
        for address in [known for known in endpoints if known not in wanted]:
            removed = endpoints.pop(address)
            removed.retire()
            if self._fail_fast is not None:
                self._fail_fast.retired(removed)
        for address in sorted(wanted, key=lambda each: (each.ip, each.port)):
            if address not in endpoints:
                pool = self._connect(self._reactor, address.ip, address.port, self._settings.pool, self.pool_stats)
                most, gradient = self._settings.limit()
                endpoint = endpoints[address] = Endpoint(address, self._settings.accrual(), pool, most, gradient)
                if self.limits is not None:
                    self.limits.joined(endpoint)
        self.balancer.update(list(endpoints.values()))
        if self.limits is not None:
            self.limits.grant(monotonic())
        self.updates += 1

    async def send(self, exchange: Exchange, fields: bytes, stats: RequestStats) -> None:
        """Carry one exchange to an endpoint; `fields` are the head lines of this destination.

        One frame for stats, requeues, balancing and accrual: this runs for every request, and a frame costs.

        Raises:
            NoSuchName: there is no address.
            PolicyRefused: a policy is against it; another endpoint would be a way round.
            RouterError: the last attempt's, when requeues are used up or not allowed.
        """
        if self._epoch != EPOCH.count:
            self.refresh()
        balancer = self.balancer
        limits = self.limits
        tries = again = 0
        connecting = 0.0  # seconds that were spent on connections that did not come about
        ended: float | None = None
        self.in_flight += 1
        stats.pending += 1
        began = now = monotonic()
        try:
            while ended is None:
                endpoint = cast(Endpoint | None, balancer.pick(now) if limits is None else limits.pick(now))
                if endpoint is None:
                    endpoint = await self._settled(exchange)
                    now = monotonic()
                    if endpoint is None:
                        continue
                exchange.endpoint = endpoint
                judged = False
                if self._authorizer is not None and endpoint.judged:
                    self._authorizer.check(exchange, endpoint.address)
                    judged = True
                probe = balancer.begin(endpoint, now)
                if limits is not None:
                    limits.began(endpoint)
                exchange.attempts += 1
                lines = fields
                if exchange.context is not None and exchange.context.timed:
                    lines += timeout_line(exchange.context)
                if exchange.journey is not None:
                    lines += begin_attempt(exchange, endpoint.address, now)
                pool = endpoint.pool
                if exchange.version == HTTP_2:
                    pool = pool.streams()
                connection = None
                try:
                    if exchange.tunnel:
                        connection = await self._open(endpoint, pool, exchange, now, connecting, exchange.confined)
                        connection.progress = now
                        if GATEWAY in endpoint.address.meta:  # a router, which has to be asked for a tunnel
                            await connection.exchange(exchange, lines)
                        else:
                            await connection.tunnel(exchange)
                    else:
                        connection = None if exchange.needs_fresh else pool.take()
                        if connection is None:
                            connection = await self._open(endpoint, pool, exchange, now, connecting, False)
                        connection.progress = now
                        await connection.exchange(exchange, lines)
                    ended = exchange.done_at = monotonic()
                    if exchange.journey is not None:
                        end_attempt(exchange, ended)
                    if exchange.verdict is SUCCESS:
                        endpoint.successes += 1
                        endpoint.accrual.success(ended)
                    else:
                        endpoint.failed("", exchange, now, ended)
                except ConnectError as error:
                    probe = False
                    connecting += endpoint.failed(type(error).__name__, exchange, now, monotonic())
                    if self._fail_fast is not None:
                        self._fail_fast.failed(endpoint)
                    tries += 1
                    if connecting >= self._connecting_seconds or not self._requeue(exchange, error, tries, now):
                        raise
                    again += 1
                except EndpointProtocolError as error:
                    # It may have left because its client had, or goes away in good order: nobody's fault.
                    if not exchange.half_closed and not isinstance(error, Unprocessed):
                        probe = False
                        endpoint.failed(type(error).__name__, exchange, now, monotonic())
                        self.stalls += isinstance(error, EndpointTimeout)
                    tries += 1
                    if not self._requeue(exchange, error, tries, now):
                        raise
                    again += 1
                except Expired as expired:
                    since = now if connection is None else connection.progress
                    # Who waits for a place in a full pool waits for other clients.
                    waiting = connection is None and pool.size >= self._settings.pool.max_size
                    if not waiting and endpoint_failed(exchange, expired.timeout, since):
                        probe = False
                        endpoint.failed("Timeout", exchange, now, monotonic())
                    raise
                finally:
                    if ended is None:
                        now = monotonic()
                        if probe:
                            endpoint.accrual.abandon(now)
                        balancer.end(endpoint, now, None)
                    else:
                        # How long a body streams says nothing about how quick the endpoint is.
                        latency = (exchange.head_at or ended) - now
                        endpoint.seconds += latency
                        balancer.end(endpoint, ended, latency)
                    if limits is not None:
                        limits.ended(endpoint, exchange, now, ended)
                    if judged:
                        assert self._authorizer is not None
                        self._authorizer.leave(exchange)
                    exchange.upstream = None  # from here on it is the pool's, and soon another's
                    if connection is not None:
                        if ended is None:
                            pool.discard(connection)
                        else:
                            pool.give(connection, ended)
            if exchange.response is not None:
                if exchange.verdict is SUCCESS:
                    self.budget.deposit(ended)  # only what works pays for repeats
                if exchange.tunnel and exchange.head_at:
                    ended = exchange.done_at = exchange.head_at  # how long a tunnel lasts is no latency
                stats.record(exchange, None, ended - began)
        except (Exception, Unwind) as error:
            if limits is not None:
                limits.grant(monotonic())  # it may have been given a place, and have begun nothing
            if exchange.journey:
                exchange.journey[-1].over(monotonic(), 0, failure_name(error))
            stats.record(exchange, error, monotonic() - began)
            raise
        finally:
            stats.pending -= 1
            self.in_flight -= 1
            if again:
                self.pool_stats.add("retries/requeues_per_request", COUNT, again)

    async def _open(
        self, endpoint: Endpoint, pool: Connections, exchange: Exchange, now: float, connecting: float, confined: bool
    ) -> Transport:
        """A connection, if a new one may be opened: the only place where the data path opens any.

        The attempt began `now`, `connecting` seconds have been spent on others.
        """
        attempt = None if exchange.journey is None else exchange.journey[-1]
        if attempt is not None:
            attempt.connected = 0.0
        self._guard(self.id, endpoint.address, confined)
        if self._fail_fast is not None:
            self._fail_fast.check(endpoint)
        connection = await pool.open(exchange, max(0.0, self._connecting_seconds - connecting))
        if attempt is not None:
            attempt.connected = monotonic()
        return connection

    def _requeue(self, exchange: Exchange, error: RouterError, tries: int, now: float) -> bool:
        """Whether to try again. Nothing was processed, or `error.retryable` would be false."""
        if not error.retryable or exchange.reply.started or exchange.response is not None:
            self.cannot_retry += 1
            return False
        if isinstance(error, FailedFast) and self._fail_fast is not None:
            if self._fail_fast.down >= len(self.endpoints):
                self.not_open += 1
                return False
            limit = CONNECT_REQUEUES
        elif isinstance(error, ConnectError):
            limit = CONNECT_REQUEUES
        elif exchange.body.data is None and not exchange.body.replayable:
            error.message += "; it cannot be sent again, as its body is not kept, or not all of it"
            self.cannot_retry += 1
            return False
        else:
            limit = ceil(REQUEUE_SHARE * self.budget.balance(now))
        if tries > limit:
            self.request_limit += 1
            return False
        if not self.budget.try_withdraw(now):
            self.budget_exhausted += 1
            return False
        self.requeues += 1
        if exchange.journey is not None:
            exchange.journey[-1].over(monotonic(), 0, failure_name(error))
        return True

    async def _settled(self, exchange: Exchange) -> Endpoint | None:
        """Without an endpoint: wait for one with room, or while the address is pending; else raise NoSuchName."""
        if self.limits is not None and self.endpoints:
            return await self.limits.wait()
        if isinstance(self._addr.value, AddrPending):
            with Timeout(self._settings.binding_seconds):
                while isinstance(self._addr.value, AddrPending):
                    await self._addr.changed(self._addr.version)
                self.refresh()
                return None
            raise binding_timeout(exchange.name or self.id, self._settings.binding_seconds, self.id.show())
        self.refresh()
        if not self.endpoints:
            addr = self._addr.value
            cause = f": {addr.cause}" if isinstance(addr, AddrFailed | AddrNeg) and addr.cause else ""
            raise NoSuchName(f"{self.id.show()} has no address{cause}")
        return None

    def sweep(self, now: float) -> None:
        """Follow the address set and close old connections; called about twice a second."""
        self.refresh()
        if self.pool_stats.connections:  # most of many clients have none
            for endpoint in self.endpoints.values():
                endpoint.pool.sweep(now)
        if now >= self._mark_at:
            self._mark_at = now + MARK_SECONDS
            for endpoint in self.endpoints.values():
                endpoint.mark(now)

    def close(self) -> None:
        """Release the address set; exchanges in flight complete."""
        self._addr.release()
        for endpoint in self.endpoints.values():
            endpoint.retire()
        self.balancer.update(())
