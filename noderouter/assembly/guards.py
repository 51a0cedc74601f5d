"""From the configuration of a router to what stands between strangers and the rest: see docs/hardening.md.

Apart from `router.py` and `server.py`, so that in one place is read what is allowed to whom.
"""

from collections.abc import Callable, Sequence

from noderouter.assembly.layer import layer
from noderouter.config.router import RouterConfig
from noderouter.config.server import ENDPOINTS, ServerConfig
from noderouter.core.service import Layer
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.naming.namer.kind import NamerKind
from noderouter.policy.authorizer import Authorizer
from noderouter.proxy.client.address_class import plain
from noderouter.proxy.client.destination_policy import DestinationPolicy, Rules
from noderouter.proxy.client.destinations import OverridesConfig
from noderouter.proxy.client.ourselves import Ourselves
from noderouter.proxy.filter.connect import Connect, ConnectStats
from noderouter.proxy.filter.overrides import OverrideRules, OverrideStats
from noderouter.proxy.filter.read_context import ClearContext, ReadContext
from noderouter.proxy.listener.places import client_key
from noderouter.telemetry.tree import Scope


def destination_policy(config: RouterConfig, interpreter: Interpreter, ourselves: Ourselves) -> DestinationPolicy:
    """`destinations` of a router."""
    said = [config.overrides, *(server.overrides for server in config.servers)]
    named = tuple(rule for keys in said if keys is not None for rule in keys.allow)
    rules = Rules(config.destinations.allow, config.destinations.deny, named)
    return DestinationPolicy(rules, ourselves, interpreter.configured_dtab)


def override_rules(
    config: RouterConfig,
    namers: Sequence[NamerKind],
    of_server: OverridesConfig | None = None,
    stats: OverrideStats | None = None,
) -> OverrideRules:
    """`overrides` of a router, or of one of its servers that has its own; `stats` are the router's."""
    keys = of_server or config.overrides
    open_namers = [each.full_prefix for each in namers if each.open_to_overrides]
    closed_namers = [each.full_prefix for each in namers if not each.open_to_overrides]
    of_hosts = [name for each in namers for name in each.names_of_hosts]
    return OverrideRules(config.dstPrefix, open_namers, closed_namers, keys.trusted, of_hosts, keys.allow, stats)


def sources(authorizer: Authorizer | None, ipv6_prefix: int) -> Callable[[str], str]:
    """Whose requests count together, by the client's address: a pod's where it is known to be there, else its own."""

    def source(ip: str) -> str:
        known = None if authorizer is None else authorizer.known
        pod = None if known is None else known.pods.get(plain(ip))
        return client_key(ip, ipv6_prefix) if pod is None else str(pod)

    return source


def connect_filter(config: ServerConfig, scope: Scope) -> Layer:
    """`allowConnect` of a server, whose metrics are in `scope`."""
    stats = ConnectStats()
    scope.tally("connect/refused", lambda: stats.refused)
    allowed = bool(config.allowConnect) and not config.clearContext
    made = layer(Connect, stats, allowed=allowed, confined=config.allowConnect == ENDPOINTS)
    return made.showing(allowConnect=config.allowConnect)


def context_filter(config: ServerConfig, overrides: OverrideRules) -> Layer:
    """What becomes of the context that a request brings."""
    return layer(ClearContext) if config.clearContext else layer(ReadContext, overrides)
