"""Builds the clients of a router: the cache that makes one for each bound name, and what they ask before connecting."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast

from dtab import Bound, Path
from noderouter.assembly.http2 import http2_client_settings
from noderouter.assembly.surroundings import Surroundings
from noderouter.assembly.tls import Dialer, client_tls
from noderouter.config.router import RouterConfig
from noderouter.core.addr import Addr, Address
from noderouter.core.errors import NoSuchName
from noderouter.core.var import Var
from noderouter.proxy.client.address_class import plain
from noderouter.proxy.client.both_pools import by_version
from noderouter.proxy.client.client import Client
from noderouter.proxy.client.config import ClientParams, ClientResolver, EndpointProtocol
from noderouter.proxy.client.connections import MakeConnections
from noderouter.proxy.client.destination_policy import DestinationPolicy
from noderouter.proxy.client.instance import Instances
from noderouter.proxy.client.ourselves import is_here
from noderouter.proxy.client.pool import exclusive
from noderouter.proxy.client.settings import Guard
from noderouter.proxy.client.shared_pool import shared
from noderouter.proxy.http1.upstream import connect_http1
from noderouter.proxy.http2.upstream import connector
from noderouter.proxy.router.clients import Clients
from noderouter.proxy.router.gauges import client_gauges
from noderouter.proxy.router.scopes import Scopes, element
from noderouter.proxy.transport import Connector

WILDCARDS: Final = ("0.0.0.0", "::")
"""Listening there is listening on every address of the machine."""


@dataclass(frozen=True, slots=True)
class OwnListeners:
    """Where the servers of one router listen, as each of them is bound: to call them would be a loop."""

    addresses: set[tuple[str, int]] = field(default_factory=set)

    def contain(self, ip: str, port: int) -> bool:
        """Whether a server of this router listens there, however the address is spelled."""
        for own_ip, own_port in self.addresses:
            if port == own_port:
                here = plain(ip)
                if here == plain(own_ip) or (own_ip in WILDCARDS and is_here(here)):
                    return True
        return False


def build_clients(
    config: RouterConfig,
    resolver: ClientResolver,
    around: Surroundings,
    scopes: Scopes,
    guard: Guard,
) -> Clients:
    """The clients of a router, made as names are bound; the metrics of each are in `client/<bound name>`."""
    binding_seconds = config.bindingTimeoutMs / 1000
    speaks = spoken(config)
    instances = Instances()
    tls = client_tls(config.label, resolver, around)

    def make(bound: Bound) -> Client:
        params = resolver.resolve(bound.id)
        settings = params.build(around.rng, binding_seconds)
        scope = scopes.acquire("client", element(bound.id))
        connect = connections_of(params, speaks, None if params.tls is None else tls(params.tls, scope))
        client = Client(
            bound.id,
            cast(Var[Addr], bound.addr),
            settings,
            around.reactor,
            guard,
            connect,
            around.authorizer,
            instances,
        )
        client_gauges(scope, client)
        return client

    def closed(client: Client) -> None:
        scopes.release("client", element(client.id))

    return Clients(make, closed, config.bindingCache.overrideClients)


def spoken(config: RouterConfig) -> EndpointProtocol | None:
    """What the clients of a router speak, and so it with endpoints; None where some speak one and some the other."""
    if config.protocol == "h2":
        return "h2"
    return "http" if all(server.streams is None for server in config.servers) else None


def connections_of(
    params: ClientParams, speaks: EndpointProtocol | None, dialer: Dialer | None = None
) -> MakeConnections:
    """What makes the connections of a client to its endpoints, in a router with clients that speak this.

    `dialer` says how those of a protocol are opened, where that is with TLS.
    """
    protocol = params.endpoint_protocol or speaks
    plain: Connector = connect_http1
    if dialer is not None:
        plain = partial(connect_http1, dial=dialer("http"))
    if protocol == "http":
        return exclusive(plain)
    settings = http2_client_settings(params.streams)
    streams = shared(connector(settings) if dialer is None else connector(settings, dialer("h2")), plain)
    return streams if protocol == "h2" else by_version(plain, streams)


def connection_guard(policy: DestinationPolicy, own: OwnListeners) -> Guard:
    """What a client asks before each new connection: what the configuration names is allowed, unless it is us."""

    def check(id: Path, address: Address, confined: bool) -> None:
        policy.check(id, address, confined=confined)
        if own.contain(address.ip, address.port):
            raise NoSuchName(f"{address} is a listener of this router: that would be a loop")

    return check
