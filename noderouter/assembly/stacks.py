"""What the stacks of routers are made of, ready for JSON: of a running router, or of a configuration.

    servers     address     the filters of each, outermost first
    flows       address     the same for captured connections that are carried byte for byte
    services    name        the filters of each logical name
    clients     bound name  balancer, failure accrual, pool and budget of each

Parameters have their keys of the configuration. Nothing of this is looked at while requests are carried.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from dtab import Path, PathMatcher
from noderouter.assembly.capture import dialled_filter, flow_filters
from noderouter.assembly.errors import ErrorWords
from noderouter.assembly.guards import override_rules
from noderouter.assembly.router import RouterAssembly, build_identifier
from noderouter.assembly.server import BuiltServer, server_filters
from noderouter.assembly.service import service_filters
from noderouter.assembly.tracing import Tracing, tracing_of
from noderouter.config.config import Config
from noderouter.config.router import RouterConfig
from noderouter.config.server import ServerConfig
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.exchange import Exchange
from noderouter.core.host_port import join_host_port
from noderouter.core.service import Layer
from noderouter.naming.namer.kind import NamerKind
from noderouter.proxy.access_log.json import JsonLog
from noderouter.proxy.client.config import ClientParams
from noderouter.schema.kind import Model
from noderouter.telemetry.observe import Observe, Observers
from noderouter.telemetry.portions import Lazy
from noderouter.telemetry.telemeter.kind import sampler_of
from noderouter.telemetry.tree import MetricsTree, Scope

Json = dict[str, Any]

OTHERS: Final = "*"
"""The names that no pattern of the configuration is for."""
_WILD: Final = re.compile(r"\*|\{[^}]*\}")


class Shown:
    """Writes layers and settings as JSON has them; a model that many of them share is written once."""

    def __init__(self) -> None:
        self._models: dict[int, tuple[Model, Any]] = {}

    def filters(self, layers: Iterable[Layer]) -> list[Json]:
        """The filters of one stack."""
        return [self._filter(each) for each in layers]

    def client(self, params: ClientParams, protocol: str) -> Json:
        """The settings of one client of a router with this `protocol`."""
        attempt = params.attempt_timeout
        speaks = params.endpoint_protocol or protocol
        return {
            "balancer": self._value(params.balancer),
            "accrual": self._value(params.accrual),
            "pool": self._value(params.pool),
            "requeueBudget": self._value(params.requeue_budget),
            **({} if speaks == "http" == protocol else {"endpointProtocol": speaks}),
            **({} if params.concurrency is None else {"concurrency": self._value(params.concurrency)}),
            **({} if params.tls is None else {"tls": {"commonName": params.tls.name}}),
            **({} if attempt is None else {"requestAttemptTimeoutMs": round(attempt * 1000)}),
        }

    def _filter(self, layer: Layer) -> Json:
        found: Json = {"filter": layer.name}
        for key, value in layer.params.items():
            found[key] = self._value(value)
        if layer.filters:
            found["filters"] = self.filters(layer.filters)
        return found

    def _value(self, value: object) -> Any:
        if isinstance(value, list | tuple):
            return [self._value(each) for each in value]
        if not isinstance(value, Model):
            return value
        known = self._models.get(id(value))
        if known is None:
            dumped = value.model_dump(mode="json", by_alias=True, exclude_none=True, fallback=str)
            known = self._models[id(value)] = value, _without_switch(dumped)
        return known[1]


def _without_switch(dumped: Any) -> Any:
    """A dumped model without `experimental`, which does not change what is built."""
    if not isinstance(dumped, dict):
        return dumped
    return {key: _without_switch(value) for key, value in dumped.items() if key != "experimental"}


def stacks_of_router(router: RouterAssembly, servers: Mapping[str, BuiltServer]) -> dict[str, Lazy]:
    """What a router and its `servers`, which come by their addresses, are made of in this moment.

    The members are made one by one as they are written: strangers decide how many names there are.
    """
    shown, names, protocol = Shown(), router.router, router.config.protocol
    services = (*names.overrides, *names.names)
    clients = [client.id for client in names.clients]
    return {
        "servers": Lazy((address, shown.filters(server.filters)) for address, server in servers.items()),
        "flows": Lazy((address, shown.filters(server.flows)) for address, server in servers.items() if server.flows),
        "services": Lazy((each.path.show(), shown.filters(each.filters)) for each in services),
        "clients": Lazy((id.show(), shown.client(router.of_clients.resolve(id), protocol)) for id in clients),
    }


def stacks_of_config(config: Config) -> Json:
    """What the routers of a configuration would be made of; opens nothing.

    There are no names yet: services and clients come by the patterns of the configuration, and `*` for all others.
    """
    made = [each.observer() for each in config.telemetry]
    observers = Observers([each for each in made if each is not None])
    for router in config.routers:
        if router.access_log is not None and router.access_log.json:
            observers.add(JsonLog(_write), router.label)
    sampler = sampler_of(config.telemetry)
    return {
        router.label: _stacks(router, config.namers, observers.of(router.label), tracing_of(router, sampler))
        for router in config.routers
    }


def _stacks(router: RouterConfig, namers: Iterable[NamerKind], observe: Observe, tracing: Tracing | None) -> Json:
    shown, scope, rng = Shown(), MetricsTree().scope("rt", router.label), Random()
    services, clients = router.service.build(), router.client.build()
    filters = partial(service_filters, scope=scope, rng=rng, tracing=tracing, holding=router.protocol != "http")
    servers: Json = {}
    flows: Json = {}
    for server in router.servers:
        address = _free(join_host_port(str(server.ip), server.port), servers)
        servers[address] = shown.filters(_server_layers(router, server, list(namers), scope, observe, tracing))
        if server.capture is not None:
            identifier = build_identifier(server.capture.identifier, router.dstPrefix, ClientNamespaces())
            layers = flow_filters(scope, server.capture.identifier, identifier, _failed, observe, _writer(router))
            flows[address] = shown.filters(layers)
    return {
        "servers": servers,
        "flows": flows,
        "services": {
            name: shown.filters(filters(services.resolve(path))) for name, path in _examples(services.patterns).items()
        },
        "clients": {
            name: shown.client(clients.resolve(path), router.protocol)
            for name, path in _examples(clients.patterns).items()
        },
    }


def _server_layers(
    router: RouterConfig,
    server: ServerConfig,
    namers: list[NamerKind],
    scope: Scope,
    observe: Observe,
    tracing: Tracing | None,
) -> list[Layer]:
    layers = server_filters(
        router,
        server,
        scope,
        errors=ErrorWords(lambda _exchange, error: error, _failed),
        overrides=override_rules(router, namers, server.overrides),
        observe=observe,
        write=_writer(router),
        tracing=tracing,
        describe=lambda _exchange: (),
    )
    return layers if server.capture is None else [*layers, dialled_filter(server.capture, "")]


def _examples(patterns: Iterable[PathMatcher]) -> dict[str, Path]:
    """A name for each pattern, and one that has nothing to do with any."""
    found = {OTHERS: Path()}
    for each in patterns:
        found[each.pattern] = Path.parse(_WILD.sub("x", each.pattern))
    return found


def _free(address: str, taken: Mapping[str, object]) -> str:
    """Several servers may leave their port to the system."""
    number = sum(each.partition(" ")[0] == address for each in taken)
    return f"{address} ({number + 1})" if number else address


def _writer(router: RouterConfig) -> Any:
    return None if router.access_log is None or router.access_log.json else _write


def _write(_line: bytes) -> None:
    """Stands for an access log: nothing is ever written."""


def _failed(_exchange: Exchange, _error: Exception) -> None:
    """Stands for the log: no exchange ever comes."""
