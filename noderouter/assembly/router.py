"""Builds a router: its clients, the services of its names, and the router between them. Read `build_router` downwards.

Its servers are built on top of it as they are bound (`server.py`, `capture.py`). Metrics are below `rt/<label>`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from logging import INFO, WARNING
from pathlib import Path as FilePath

from dtab import Path
from noderouter.assembly.client import OwnListeners, build_clients, connection_guard
from noderouter.assembly.diagnostic import describe_with
from noderouter.assembly.errors import ErrorWords, build_error_words
from noderouter.assembly.guards import destination_policy, override_rules
from noderouter.assembly.service import build_names
from noderouter.assembly.surroundings import Surroundings
from noderouter.assembly.tracing import Tracing, tracing_of
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.router import RouterConfig
from noderouter.core.background import Log
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.naming.service_names import ServiceNames
from noderouter.proxy.access_log.file import AccessLogFile
from noderouter.proxy.access_log.json import JsonLog
from noderouter.proxy.access_log.rotation import RollPolicy
from noderouter.proxy.capture.probe import ProbeAnswer
from noderouter.proxy.client.config import ClientResolver
from noderouter.proxy.client.destination_policy import DestinationPolicy
from noderouter.proxy.filter.diagnostic import Describe
from noderouter.proxy.filter.overrides import OverrideRules
from noderouter.proxy.identifier.composite import FirstOf
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.limit.rates import Rates
from noderouter.proxy.router.gates import Gates
from noderouter.proxy.router.gauges import access_log_gauges, edge_gauges, rate_gauges, refusal_gauges, router_gauges
from noderouter.proxy.router.router import Router
from noderouter.proxy.router.scopes import Scopes
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.observe import Observe
from noderouter.telemetry.tree import Scope


@dataclass(frozen=True, slots=True, eq=False)
class RouterAssembly:
    """One router, built, with what its servers are made with."""

    config: RouterConfig
    interpreter: Interpreter
    around: Surroundings
    scope: Scope
    scopes: Scopes
    gates: Gates
    rates: Rates | None
    policy: DestinationPolicy
    overrides: OverrideRules
    own: OwnListeners
    of_clients: ClientResolver
    router: Router
    errors: ErrorWords
    observe: Observe
    access_log: AccessLogFile | None
    edges: Edges
    """Who calls whom, over all its servers."""
    tracing: Tracing | None
    describe: Describe
    probe: ProbeAnswer = field(default_factory=ProbeAnswer)

    @property
    def write_text(self) -> Callable[[bytes], None] | None:
        """What takes the lines of the `AccessLog` filter; None without one, and where an observer writes JSON."""
        log, settings = self.access_log, self.config.access_log
        return None if log is None or settings is None or settings.json else log.write

    def sweep(self, now: float) -> Iterator[None]:
        """Housekeeping, about twice a second, in short steps; the access log is handed to its thread here."""
        self.policy.forget()
        yield from self.router.sweep(now)
        self.scopes.sweep()
        self.gates.sweep()
        if self.rates is not None:
            yield from self.rates.sweep(now)
        if self.access_log is not None:
            self.access_log.flush()

    def close(self) -> None:
        """Release everything; no exchange is in flight."""
        self.router.close()
        if self.access_log is not None:
            self.access_log.close()


def build_router(config: RouterConfig, interpreter: Interpreter, around: Surroundings) -> RouterAssembly:
    """A router without servers, which binds names with `interpreter`."""
    access_log = open_access_log(config, around.log)
    identifier = build_identifier(config.identifier, config.dstPrefix, around.clients)
    scope = around.metrics.scope("rt", config.label)
    scopes = Scopes(scope)
    policy = destination_policy(config, interpreter, around.ourselves)
    overrides = override_rules(config, around.namers)
    own = OwnListeners()
    of_clients = config.client.build()
    clients = build_clients(config, of_clients, around, scopes, connection_guard(policy, own))
    gates = Gates()
    spelled = service_names(config, interpreter)
    rates = None if around.limits is None else Rates(config.label, around.limits, around.source, spelled)
    if rates is not None:
        rate_gauges(scope, rates)
    tracing = tracing_of(config, around.sampler)
    names = build_names(
        config, interpreter.bind, interpreter.steps, around, scopes, clients, of_clients, tracing, gates, rates, spelled
    )
    router = Router(config.label, identifier, names, clients, config.bindingCache.build(), around.admit_binding)
    errors = build_error_words(config, interpreter, clients, around.log)
    router_gauges(scope, router)
    refusal_gauges(scope, policy, overrides)
    edges = Edges()
    edge_gauges(scope, edges)
    log_settings = config.access_log
    if access_log is not None and log_settings is not None:
        access_log_gauges(scope.scope("access_log"), access_log)
        if log_settings.json:
            json_log = JsonLog(access_log.write, log_settings.sample)
            around.observers.add(json_log, config.label)
            scope.tally("access_log/left_out", lambda: json_log.left_out)
    if config.originator:
        scope.gauge("originator", lambda: 1)
    if isinstance(config, HttpRouterConfig) and config.compressionLevel == -1:
        around.log(INFO, "router.never_compresses", router=config.label, hint="responses are carried as they are")
    return RouterAssembly(
        config=config,
        interpreter=interpreter,
        around=around,
        scope=scope,
        scopes=scopes,
        gates=gates,
        rates=rates,
        policy=policy,
        overrides=overrides,
        own=own,
        of_clients=of_clients,
        router=router,
        errors=errors,
        observe=around.observers.of(config.label),
        access_log=access_log,
        edges=edges,
        tracing=tracing,
        describe=describe_with(identifier, interpreter, clients),
    )


def service_names(config: RouterConfig, interpreter: Interpreter) -> ServiceNames:
    """Which names are one service to limits: a host has many, where names are of hosts."""
    if any(each.by_host for each in config.identifier):
        return interpreter.service_names(config.dstPrefix)
    return ServiceNames(config.dstPrefix)


def build_identifier(kinds: Sequence[IdentifierKind], prefix: Path, clients: ClientNamespaces) -> Identifier:
    """The first of these that has a name."""
    identifiers = [kind.build_for(prefix, clients) for kind in kinds]
    return identifiers[0] if len(identifiers) == 1 else FirstOf(identifiers)


def open_access_log(config: RouterConfig, log: Log) -> AccessLogFile | None:
    """`httpAccessLog` or `h2AccessLog` of a router."""
    settings = config.access_log
    if settings is None:
        return None
    return AccessLogFile(
        FilePath(settings.path),
        RollPolicy.parse(settings.roll_policy),
        append=settings.append,
        rotate_count=settings.rotate_count,
        report=lambda words: log(WARNING, "access_log.failed", router=config.label, reason=words),
    )
