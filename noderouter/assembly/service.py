"""Builds the services of a router's logical names: the stack of each, and the routes from a name to its clients.

The stack's order, outermost first, is that of the list in `service_filters`; each layer is one line there.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from dtab import Bound, Dtab, Path
from dtab.utility import Status
from noderouter.assembly.layer import layer
from noderouter.assembly.surroundings import Surroundings
from noderouter.assembly.tracing import Tracing, propagate_filter
from noderouter.config.router import RouterConfig
from noderouter.core.errors import OverloadError
from noderouter.core.service import Layer, Service
from noderouter.naming.binding import Bind
from noderouter.naming.service_names import ServiceNames
from noderouter.proxy.classifier.grpc import GrpcNeverRetryable
from noderouter.proxy.client.config import ClientResolver
from noderouter.proxy.filter.concurrency import ConcurrencyLimit
from noderouter.proxy.filter.propagate import Propagate
from noderouter.proxy.filter.rate_limit import RateLimitFilter, Steps
from noderouter.proxy.filter.timeout import TotalTimeout
from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.rates import Rates
from noderouter.proxy.retry.backoff import ConstantKind
from noderouter.proxy.retry.filter import Retry
from noderouter.proxy.router.branches import Branch, Picker
from noderouter.proxy.router.clients import Clients
from noderouter.proxy.router.config import ServiceParams
from noderouter.proxy.router.gates import Gates, Limited
from noderouter.proxy.router.gauges import gate_gauges, held_gauges, service_gauges
from noderouter.proxy.router.named import NameSettings
from noderouter.proxy.router.route import FixedAnswer, MakeRoute, Route
from noderouter.proxy.router.scopes import Scopes, element
from noderouter.telemetry.tree import OTHER, Scope

_PROPAGATE: Final = layer(Propagate)
_CALLS: Final = GrpcNeverRetryable(kind="io.l5d.h2.grpc.neverRetryable")
"""What judges the calls of gRPC that come to a router of HTTP: by their status, and never to be sent again for it."""


def build_names(
    config: RouterConfig,
    bind: Bind,
    steps: Steps,
    around: Surroundings,
    scopes: Scopes,
    clients: Clients,
    of_clients: ClientResolver,
    tracing: Tracing | None,
    gates: Gates,
    rates: Rates | None,
    names: ServiceNames,
) -> NameSettings:
    """What the services of a router's names are made with; the metrics of each are in `service/<name>`.

    `names` know which of them are one service, to its limits.
    """
    resolver = config.service.build()
    holding = config.protocol != "http"
    rng = around.rng

    def limited(name: Path) -> Limited:
        if not resolver.limits:
            return name, None
        service, spellings = names.of(name)
        return service, resolver.concurrency((name, *spellings))

    def filters(name: Path, local: Dtab | None) -> Sequence[Layer]:
        service, limit = limited(name)
        params = replace(resolver.resolve(name), concurrency=limit)
        scope = scopes.acquire("service", element(name))
        gate = None
        if limit is not None:
            gate = gates.acquire((service, limit), partial(limit.gate, service.show(), rng))
            gate_gauges(scope, gate)
        made = service_filters(params, scope, rng, tracing, holding=holding, gate=gate)
        return made if rates is None else [layer(RateLimitFilter, rates, steps, name, local), *made]

    def closed(name: Path) -> None:
        gates.release(limited(name))
        scopes.release("service", element(name))

    return NameSettings(
        bind=bind,
        filters=filters,
        route=build_routes(config, scopes, clients, of_clients),
        picker=lambda branches: Picker(branches, rng),
        closed=closed,
        binding_seconds=config.bindingTimeoutMs / 1000,
    )


def service_filters(
    params: ServiceParams,
    scope: Scope,
    rng: Random,
    tracing: Tracing | None,
    *,
    holding: bool,
    gate: Gate | None = None,
) -> list[Layer]:
    """The service stack of a logical name, outermost first, whose metrics are in `scope`.

    `gate` is that of the name, where it has a limit and is more than looked at.
    `holding`: all of its exchanges are of HTTP/2, and those that stream are kept for another try, within
    `retryBufferSize`; else those are that are.
    """
    filters: list[Layer] = []
    total = params.total_timeout
    if total is not None:
        filters.append(layer(TotalTimeout, total).showing(totalTimeoutMs=round(total * 1000)))
    limit = params.concurrency
    if limit is not None:
        filters.append(layer(ConcurrencyLimit, gate or limit.gate("", rng)).showing(concurrency=limit))
    filters.append(_PROPAGATE if tracing is None else propagate_filter(params, tracing))
    filters.append(_retry_filter(params, scope, rng, holding))
    return filters


def _retry_filter(params: ServiceParams, scope: Scope, rng: Random, holding: bool) -> Layer:
    """`retries` and `responseClassifier` of a name, with a budget of its own."""
    budget = params.budget.build()
    never_waits = isinstance(params.backoff, ConstantKind) and params.backoff.ms == 0
    backoff = None if never_waits else partial(params.backoff.build, rng)
    classifier = params.classifier.build()
    stats = scope.requests()
    hold = params.hold
    calls = _CALLS.build()

    def retry(service: Service) -> Retry:
        made = Retry(service, classifier, budget, backoff, stats, hold, None if holding else calls)
        service_gauges(scope, made.stats, budget)
        if holding:
            held_gauges(scope, made.releases)
        return made

    shown: dict[str, object] = {
        "budget": params.budget,
        "backoff": params.backoff,
        "responseClassifier": params.classifier,
    }
    if holding:
        shown["retryBufferSize"] = {"requestBytes": hold.request_bytes, "responseBytes": hold.response_bytes}
        shown["classificationTimeoutMs"] = round(hold.seconds * 1000)
    return Layer(Retry.__name__, retry, shown)


def build_routes(config: RouterConfig, scopes: Scopes, clients: Clients, of_clients: ClientResolver) -> MakeRoute:
    """What makes the routes of a router's names.

    The metrics of a pair of name and client are in `client/<bound name>/service/<name>`. Those of overrides beyond
    `bindingCache.overrideClients` are counted together: strangers must not fill the tree.
    """
    most = config.bindingCache.overrideClients
    passing_pairs = 0

    def route(name: Path, bound: Bound, passing: bool) -> Branch:
        nonlocal passing_pairs
        if isinstance(bound.addr, Status):
            return FixedAnswer(bound.id, bound.addr.code)
        shared = passing and passing_pairs >= most
        place = ("client", element(bound.id), "service", OTHER if shared else element(name))
        stats = scopes.acquire(*place).requests()
        passing_pairs += passing

        def closed() -> None:
            nonlocal passing_pairs
            passing_pairs -= passing
            scopes.release(*place)

        params = of_clients.resolve(bound.id)
        try:
            return Route(
                name, bound, clients, stats, params.attempt_timeout, closed, passing, params.forward_client_cert
            )
        except OverloadError:
            closed()
            raise

    return route
