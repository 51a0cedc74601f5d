"""Builds a router and its servers from their checked configuration: which filters stand where, and with what.

The stacks and their order are described in docs/linkerd1.md section 0; each layer is one line here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from logging import ERROR, INFO, WARNING
from pathlib import Path as FilePath
from random import Random
from typing import cast

from dtab import Bound, Path
from dtab.utility import Status
from noderouter.assembly.guards import connect_filter, context_filter, destination_policy, override_rules
from noderouter.assembly.settings import capture_settings, element, pool_settings, retry_budget, server_settings
from noderouter.config.router import RouterConfig
from noderouter.config.server import ServerConfig
from noderouter.core.addr import Addr, Address
from noderouter.core.background import Log
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.errors import ConnectError, NoSuchName, OverloadError
from noderouter.core.exchange import Exchange
from noderouter.core.service import Filter, Service, WhenSpecial, stack
from noderouter.core.var import Var
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.naming.namer.kind import NamerKind
from noderouter.proxy.access_log.file import AccessLogFile
from noderouter.proxy.access_log.filter import AccessLog
from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.proxy.capture.config import CaptureConfig
from noderouter.proxy.capture.connection import MakeCodec
from noderouter.proxy.capture.flow_log import FailedFlows
from noderouter.proxy.capture.probe import ProbeAnswer
from noderouter.proxy.capture.server import Cluster, capture_server
from noderouter.proxy.client.address_class import plain
from noderouter.proxy.client.client import Client, ClientSettings
from noderouter.proxy.client.ourselves import Ourselves, is_here
from noderouter.proxy.filter.admission import Admission
from noderouter.proxy.filter.call_depth import CallDepth
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.proxy.filter.forwarded import DropForwarded, Forwarded
from noderouter.proxy.filter.max_forwards import MaxForwards
from noderouter.proxy.filter.propagate import Propagate
from noderouter.proxy.filter.timeout import TotalTimeout
from noderouter.proxy.filter.timestamp import Timestamp
from noderouter.proxy.http.error_text import cannot_connect, no_hosts
from noderouter.proxy.http1.server import ServerConnection
from noderouter.proxy.http1.server_settings import ServerStats
from noderouter.proxy.identifier.composite import FirstOf
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.listener.listener import Connection
from noderouter.proxy.retry.backoff import ConstantKind
from noderouter.proxy.retry.filter import Retry
from noderouter.proxy.router.branches import Branch, Picker
from noderouter.proxy.router.clients import Clients
from noderouter.proxy.router.gauges import (
    access_log_gauges,
    client_gauges,
    refusal_gauges,
    router_gauges,
    server_gauges,
    service_gauges,
)
from noderouter.proxy.router.route import FixedAnswer, Route
from noderouter.proxy.router.router import Router
from noderouter.proxy.router.scopes import Scopes
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire
from noderouter.telemetry.observe import Observe, Observer
from noderouter.telemetry.tree import OTHER, Scope

_NOWHERE = Path()
WILDCARDS = ("0.0.0.0", "::")
"""Listening there is listening on every address of the machine."""


@dataclass(slots=True, frozen=True)
class Surroundings:
    """What all routers of the process share."""

    reactor: Reactor
    metrics: Scope
    rng: Random
    log: Log
    cluster: Cluster = field(default_factory=Cluster)
    ourselves: Ourselves = field(default_factory=Ourselves)
    namers: Sequence[NamerKind] = ()
    admit_binding: Callable[[], None] = lambda: None
    """See `RouterParts`."""
    observers: Sequence[Observer] = ()
    """Who wants to see requests."""
    clients: ClientNamespaces = field(default_factory=ClientNamespaces)


class RouterAssembly:
    """One router with its servers' stacks; the parts of `Router`. Its metrics are below `rt/<label>`."""

    def __init__(self, config: RouterConfig, interpreter: Interpreter, around: Surroundings) -> None:
        self.config = config
        self.interpreter = interpreter
        self.access_log = self._open_access_log(around)
        self.label = config.label
        self.bind = interpreter.bind
        self.probe = ProbeAnswer()
        self.binding_seconds = config.bindingTimeoutMs / 1000
        self.max_names = config.bindingCache.paths
        self.idle_seconds = float(config.bindingCache.idleTtlSecs)
        self.admit_binding = around.admit_binding
        self.max_overrides = config.bindingCache.overrides
        self.override_idle_seconds = float(config.bindingCache.overrideIdleTtlSecs)
        self.around = around
        self.identifier = self.identifier_of(config.identifier)
        self._scope = around.metrics.scope("rt", config.label)
        self._scopes = Scopes(self._scope)
        self._services = config.service.settings()
        self._client_settings = config.client.settings()
        self._listeners: set[tuple[str, int]] = set()
        self.policy = destination_policy(config, interpreter, around.ourselves)
        self.overrides = override_rules(config, around.namers)
        self._clients = Clients(self.make_client, self.client_closed, config.bindingCache.overrideClients)
        self._passing_pairs = 0
        self.router = Router(self, self._clients)
        router_gauges(self._scope, self.router)
        if config.originator:
            self._scope.gauge("originator", lambda: 1)
        if config.compressionLevel == -1:
            around.log(INFO, "router.never_compresses", router=config.label, hint="responses are carried as they are")
        refusal_gauges(self._scope, self.policy, self.overrides)
        if self.access_log is not None:
            access_log_gauges(self._scope.scope("access_log"), self.access_log)

    # Names (see `router.named.NameParts`)

    def service_filters(self, name: Path) -> list[Filter]:
        """The path stack of a logical name."""
        params = self._services.resolve(name)
        budget = retry_budget(params.budget)
        backoff = partial(params.backoff.build, self.around.rng)
        never_waits = isinstance(params.backoff, ConstantKind) and params.backoff.ms == 0
        classifier = params.classifier.build()
        scope = self._scopes.acquire("service", element(name))
        stats = scope.requests()

        def retry(service: Service) -> Retry:
            made = Retry(service, classifier, budget, None if never_waits else backoff, stats)
            service_gauges(scope, made.stats, budget)
            return made

        observers, label = self.around.observers, self.label
        filters: list[Filter] = [Propagate, retry]
        if observers:
            filters.insert(1, lambda service: Observe(service, observers, label))
        total = params.total_timeout
        if total is not None:
            filters.insert(0, lambda service: TotalTimeout(service, total))
        return filters

    def name_closed(self, name: Path) -> None:
        """See `NameParts`."""
        self._scopes.release("service", element(name))

    def route(self, name: Path, bound: Bound, passing: bool) -> Branch:
        """See `NameParts`. The pairs of overrides beyond some are counted together: they must not fill the tree."""
        if isinstance(bound.addr, Status):
            return FixedAnswer(bound.id, bound.addr.code)
        shared = passing and self._passing_pairs >= self.config.bindingCache.overrideClients
        place = ("client", element(bound.id), "service", OTHER if shared else element(name))
        stats = self._scopes.acquire(*place).requests()
        self._passing_pairs += passing

        def closed() -> None:
            self._passing_pairs -= passing
            self._scopes.release(*place)

        attempt_seconds = self._client_settings.resolve(bound.id).attempt_timeout
        try:
            return Route(name, bound, self._clients, stats, attempt_seconds, closed, passing)
        except OverloadError:
            closed()
            raise

    def picker(self, branches: list[tuple[float, Branch]]) -> Picker:
        """See `NameParts`."""
        return Picker(branches, self.around.rng)

    # Clients

    def make_client(self, bound: Bound) -> Client:
        """See `RouterParts`."""
        params = self._client_settings.resolve(bound.id)
        rng = self.around.rng
        settings = ClientSettings(
            balancer=partial(params.balancer.build, rng),
            accrual=params.accrual.build(rng),
            requeue_budget=partial(retry_budget, params.requeue_budget),
            pool=pool_settings(params),
            binding_seconds=self.binding_seconds,
            fail_fast=params.fail_fast,
        )
        client = Client(bound.id, cast(Var[Addr], bound.addr), settings, self.around.reactor, self.guard)
        client_gauges(self._scopes.acquire("client", element(bound.id)), client)
        return client

    def client_closed(self, client: Client) -> None:
        """See `RouterParts`."""
        self._scopes.release("client", element(client.id))

    # Servers

    def server(self, config: ServerConfig, address: tuple[str, int]) -> Callable[[Wire, tuple[str, int]], Connection]:
        """What makes the connections of one server, which listens on `address`."""
        self._listeners.add(address)
        self.around.ourselves.ports.add(address[1])
        scope = self.server_scope(address)
        if config.capture is not None:
            parts = _CaptureParts(self, config, config.capture, scope)
            settings = capture_settings(self.config, config, config.capture, self.around.cluster.opaque_ports)
            return capture_server(config.capture, settings, scope, parts, self.around.cluster)
        codec = self.codec(config, scope, self.router.serve)
        # Who has asked for it is told which address of ours the client took; a system call for each connection.
        exact = config.addForwardedHeader is not None

        def make(wire: Wire, peer: tuple[str, int]) -> Connection:
            return codec(wire, peer, wire.sock.getsockname()[:2] if exact else address, None)

        return make

    def server_scope(self, address: tuple[str, int]) -> Scope:
        """Where the metrics of a server are."""
        return self._scope.scope("server", f"{address[0]}/{address[1]}")

    def codec(self, config: ServerConfig, scope: Scope, service: Service) -> MakeCodec:
        """What makes the HTTP/1 connections of a server."""
        stats = ServerStats()
        server_gauges(scope, stats)
        service = stack(self._server_filters(config, scope), service)
        settings = server_settings(self.config, config)

        def make(
            wire: Wire, peer: tuple[str, int], local: tuple[str, int], destination: bytes | None
        ) -> ServerConnection:
            return ServerConnection(wire, service, settings, stats, peer, local, destination)

        return make

    def identifier_of(self, kinds: Sequence[IdentifierKind]) -> Identifier:
        """The first of these that has a name."""
        prefix, clients = self.config.dstPrefix, self.around.clients
        identifiers = [kind.build_for(prefix, clients) for kind in kinds]
        return identifiers[0] if len(identifiers) == 1 else FirstOf(identifiers)

    def is_own(self, ip: str, port: int) -> bool:
        """Whether a server of this router listens there, however the address is spelled: to call it would be a loop."""
        for own_ip, own_port in self._listeners:
            if port == own_port:
                here = plain(ip)
                if here == plain(own_ip) or (own_ip in WILDCARDS and is_here(here)):
                    return True
        return False

    def guard(self, id: Path, address: Address, confined: bool) -> None:
        """See `client.client.Guard`. What the configuration names may be reached, unless that is ourselves."""
        self.policy.check(id, address, confined=confined)
        if self.is_own(address.ip, address.port):
            raise NoSuchName(f"{address} is a listener of this router: that would be a loop")

    def _server_filters(self, config: ServerConfig, scope: Scope) -> list[Filter]:
        """The server stack, outermost first."""
        router = self.config
        stats = scope.requests()
        filters: list[Filter] = []
        if self.access_log is not None:
            write = self.access_log.write
            filters.append(lambda service: AccessLog(service, write))
        filters.append(
            lambda service: ErrorReply(
                service,
                stats,
                max_headers_bytes=router.maxHeadersKB * 1024,
                max_body_bytes=router.maxErrResponseKB * 1024,
                on_fault=self._on_fault,
                explain=self.explain,
            )
        )
        if config.clearContext:
            filters.append(DropForwarded)
        forwarded = config.addForwardedHeader
        if forwarded is not None:
            by, for_ = forwarded.by.build(router.label), forwarded.for_.build(router.label)
            filters.append(lambda service: Forwarded(service, by, for_))
        header = config.timestampHeader
        if header is not None:
            filters.append(lambda service: Timestamp(service, header))
        limit = config.maxConcurrentRequests
        if limit is not None:
            filters.append(lambda service: Admission(service, limit))
        # Only special fields carry what these look at: the context of other routers, the caller's deadline, Via,
        # Max-Forwards. (The codec takes every CONNECT for a request that has some.)
        special: list[Filter] = [
            connect_filter(config, scope),
            context_filter(config, self.overrides),
            TotalTimeout,
            lambda service: CallDepth(service, config.maxCallDepth),
            MaxForwards,
        ]
        filters.append(lambda service: WhenSpecial(service, special))
        if config.timeoutMs is not None:
            seconds = config.timeoutMs / 1000
            filters.append(lambda service: TotalTimeout(service, seconds))
        return filters

    def _open_access_log(self, around: Surroundings) -> AccessLogFile | None:
        config = self.config
        if config.httpAccessLog is None:
            return None
        return AccessLogFile(
            FilePath(config.httpAccessLog),
            RollPolicy.parse(config.httpAccessLogRollPolicy),
            append=config.httpAccessLogAppend,
            rotate_count=config.httpAccessLogRotateCount,
            report=lambda words: around.log(WARNING, "access_log.failed", router=config.label, reason=words),
        )

    # Errors

    def _on_fault(self, exchange: Exchange, error: Exception) -> None:
        """An exception that is a fault of ours: it is answered, and we want to know."""
        self.around.log(ERROR, "exchange.fault", router=self.config.label, name=str(exchange.name), exc_info=error)

    def explain(self, exchange: Exchange, error: Exception) -> Exception:
        """Say of a failed exchange what a person needs to know to mend it."""
        if isinstance(error, NoSuchName):
            override = None if exchange.context is None else exchange.context.local
            stored = self.interpreter.stored_dtab()
            return no_hosts(exchange.name or _NOWHERE, self.config.dtab, override, stored, error.message)
        if isinstance(error, ConnectError) and exchange.client_id is not None and exchange.endpoint is not None:
            known = self._clients.find(exchange.client_id)
            addresses = [] if known is None else [str(each) for each in known.endpoints]
            return cannot_connect(
                exchange.name or _NOWHERE, exchange.client_id, addresses, str(exchange.endpoint.address)
            )
        return error

    # Life-cycle

    def sweep(self, now: float) -> Iterator[None]:
        """Housekeeping, about twice a second, in short steps; the access log is handed to its thread here."""
        self.policy.forget()
        yield from self.router.sweep(now)
        self._scopes.sweep()
        if self.access_log is not None:
            self.access_log.flush()

    def close(self) -> None:
        """Release everything; no exchange is in flight."""
        self.router.close()
        if self.access_log is not None:
            self.access_log.close()


class _CaptureParts:
    """See `capture.server.CaptureParts`."""

    def __init__(self, assembly: RouterAssembly, server: ServerConfig, capture: CaptureConfig, scope: Scope) -> None:
        self.router = assembly.router
        self.probe = assembly.probe
        self.is_own = assembly.is_own
        self.flow_failed = FailedFlows(assembly.config.label, assembly.explain, assembly.around.log).tell
        self._assembly = assembly
        self._server = server
        self._capture = capture
        self._scope = scope

    def codec(self, service: Service) -> MakeCodec:
        return self._assembly.codec(self._server, self._scope, service)

    def flow_identifier(self) -> Identifier:
        return self._assembly.identifier_of(self._capture.identifier)

    def log_line(self) -> Callable[[bytes], None] | None:
        log = self._assembly.access_log
        return None if log is None else log.write
