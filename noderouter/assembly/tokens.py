"""From `jwt` of a server to the filter that judges tokens there."""

from collections.abc import Iterable
from functools import partial

from dtab import Path
from noderouter.assembly.layer import layer
from noderouter.assembly.router import RouterAssembly
from noderouter.config.router import RouterConfig
from noderouter.config.server import ServerConfig
from noderouter.core.addr import ENDPOINT, OPERATOR, Address
from noderouter.core.errors import RefusedDestination
from noderouter.core.service import Layer
from noderouter.proxy.client.destination_policy import DestinationPolicy
from noderouter.proxy.filter.tokens import TokenField, Tokens, TokenStats
from noderouter.telemetry.tree import Scope
from noderouter.tokens.fetch import Judge
from noderouter.tokens.verifier import REASONS, Issuer, Verifier

_NOWHERE = Path()


def token_filter(router: RouterAssembly, config: ServerConfig, scope: Scope) -> Layer | None:
    """The filter, whose metrics are in `scope`; None where tokens are nobody's business."""
    if not config.jwt:
        return None
    open_keys = router.around.open_keys
    assert open_keys is not None
    fields: list[TokenField] = []
    verifiers: list[Verifier] = []
    judge = judge_with(router.policy)
    for name in dict.fromkeys(each.header for each in config.jwt):
        there = [each for each in config.jwt if each.header == name]
        issuers = [
            Issuer(
                each.issuer,
                frozenset(each.audiences),
                open_keys(each, judge, router.config.destinations),
                each.forwarded,
            )
            for each in there
        ]
        verifiers.append(Verifier(issuers))
        fields.append(TokenField(name.encode("ascii"), verifiers[-1].judge, there[0].forward))
    claimed = dict.fromkeys(field.header for each in config.jwt for field in each.forwardClaims)
    stats = TokenStats(REASONS)
    _gauges(scope, stats, verifiers)
    return layer(Tokens, fields, list(claimed), stats).showing(jwt=[each.issuer for each in config.jwt])


def token_fields(routers: Iterable[RouterConfig]) -> set[str]:
    """The fields that tokens come in, which are shown to nobody."""
    return {each.header for router in routers for server in router.servers for each in server.jwt}


def judge_with(policy: DestinationPolicy) -> Judge:
    """Who says where keys may be fetched from: the rules for destinations, as for endpoints of Kubernetes.

    An address that the URI itself names is the operator's word.
    """

    def judge(ip: str, port: int, named: bool) -> str | None:
        try:
            policy.check(_NOWHERE, Address(ip, port, origin=OPERATOR if named else ENDPOINT))
        except RefusedDestination as error:
            return error.message
        return None

    return judge


def _gauges(scope: Scope, stats: TokenStats, verifiers: list[Verifier]) -> None:
    scope.tally("jwt/verified", lambda: sum(each.verified for each in verifiers))
    scope.tally("jwt/cached", lambda: sum(each.cached for each in verifiers))
    scope.gauge("jwt/remembered", lambda: sum(map(len, verifiers)))
    scope.tally("jwt/unwritten_claims", lambda: sum(each.unwritten for each in verifiers))
    scope.tally("jwt/missing", lambda: stats.missing)
    scope.tally("jwt/waited", lambda: stats.waited)
    scope.gauge("jwt/waiting", lambda: stats.waiting)
    for reason in stats.refused:
        scope.tally(f"jwt/refused/{reason}", partial(stats.refused.__getitem__, reason))
