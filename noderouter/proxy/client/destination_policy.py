"""Where the router connects to: asked for every connection that the data path opens, after resolution.

The router stands on a network that its clients do not: loopback, the node, its metadata service. So what a stranger
names must not lead there, however it is spelled and whoever answers for it (a DNS name may have another address by
now). Every connection goes through `Client._open`: requests, tunnels, flows of captured connections, and the hop to
the router of another node. Captured ones are judged like all others: the client dialled something else, but here it
is the router that connects, from where the client is not (and what is refused is what is never captured).

Who is believed, by `Address.origin`:

    NAME        a host, DNS, CONNECT, `/$/inet` led there: the strict rule
    ENDPOINT    the API of Kubernetes says so: the lenient rule
    OPERATOR    an address in a file of `io.l5d.fs`, or of `io.l5d.const` and `io.l5d.replace`: no rule but `deny`

and what a dentry of the *configured* dtab (the router's, and the stored one) says literally, host and port, as
`/$/inet/127.0.0.1/8080`, is OPERATOR, too. That is a property of the bound name and not of the way to it: connections
are kept by bound name, and a stranger would find the one that somebody else had opened. A dtab that came with a
request is nobody's word; but the operator's are the addresses that it may name (`overrides.allow`).

    special class (loopback, link-local, ...)        refused by both rules
    one of our own ports, on this machine            refused by both; but a gateway may be our own incoming router
    the node, this machine, the API server           refused by the strict rule

`deny` is stronger than all of that; `allow` opens what the rules refuse (our own ports only where it says the port).
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from dtab import Dtab, Path
from noderouter.core.addr import ENDPOINT, GATEWAY, NAME, OPERATOR, Address
from noderouter.core.address_rule import AddressRule, covered
from noderouter.core.errors import RefusedDestination
from noderouter.naming.utility import places_in, spelled
from noderouter.proxy.client.address_class import (
    LINK_LOCAL,
    LOOPBACK,
    METADATA,
    MULTICAST,
    UNSPECIFIED,
    plain,
    special,
    spellings,
)
from noderouter.proxy.client.ourselves import Ourselves

DENIED: Final = "denied"
NODE: Final = "node"
API: Final = "api_server"
OWN_PORT: Final = "own_port"
UNCONFINED: Final = "no_endpoint"

REASONS: Final = {
    DENIED: "`destinations.deny` has it",
    LOOPBACK: "it is on the loopback",
    UNSPECIFIED: "it is no address of anybody",
    LINK_LOCAL: "it is link-local",
    METADATA: "it is a metadata service",
    MULTICAST: "it is a multicast address",
    NODE: "it is this node",
    API: "it is the API server",
    OWN_PORT: "it is a port of this router",
    UNCONFINED: "CONNECT leads to endpoints of Kubernetes only here (allowConnect)",
}
"""In words, and the names under which they are counted."""

MAX_JUDGED: Final = 4096
"""Addresses whose judgement is remembered, until `forget`."""

_BASE: Final = b"$"
_TRANSFORMED: Final = b"%"


@dataclass(frozen=True, slots=True)
class Rules:
    """The configured rules for destinations."""

    allow: tuple[AddressRule, ...] = ()
    deny: tuple[AddressRule, ...] = ()
    overrides: tuple[AddressRule, ...] = ()
    """What dtabs of requests may name (`overrides.allow`): open, too, where a bound name spells it."""


class DestinationPolicy:
    """Judges the addresses of one router."""

    def __init__(self, rules: Rules, ourselves: Ourselves, configured: Callable[[], Dtab | None]) -> None:
        """`configured` is the dtab of the configuration in effect."""
        self.refused = dict.fromkeys(REASONS, 0)
        """How often, by reason."""
        self._rules = rules
        self._ourselves = ourselves
        self._configured = configured
        self._dtab: Dtab | None = None
        self._places: frozenset[Path] = frozenset()
        self._judged: dict[tuple[str, int, str, bool], str | None] = {}

    def check(self, id: Path, address: Address, *, confined: bool = False) -> None:
        """Judge a connection that is about to be opened for the bound name `id`.

        Args:
            id: whose address it is.
            address: where to.
            confined: only endpoints of Kubernetes will do (`allowConnect: endpoints`).

        Raises:
            RefusedDestination: it is not to be.
        """
        key = (address.ip, address.port, address.origin, GATEWAY in address.meta)
        if key in self._judged:
            reason = self._judged[key]
        else:
            if len(self._judged) >= MAX_JUDGED:
                self._judged.clear()
            reason = self._judged[key] = self._judge(*key)
        if reason is not None and reason != DENIED and (self._is_configured(id) or self._is_open(id, address, reason)):
            reason = None
        if reason is None and confined and address.origin != ENDPOINT:
            reason = UNCONFINED
        if reason is not None:
            self.refused[reason] += 1
            raise RefusedDestination(
                f"{address} is refused as a destination: {REASONS[reason]} (destinations, in docs/hardening.md)"
            )

    def forget(self) -> None:
        """Judge anew from now on: what is ours may have changed."""
        self._judged.clear()

    def _judge(self, ip: str, port: int, origin: str, gateway: bool) -> str | None:
        """The reason to refuse an address, before it is looked at what the dtab names."""
        kind = special(ip)
        forms = spellings(ip)
        if any(covered(self._rules.deny, ip_address(form), port) for form in forms):
            return DENIED
        if origin == OPERATOR:
            return None
        allow = self._rules.allow
        # A gateway may be the incoming router of our own process.
        if not (origin == ENDPOINT and gateway) and any(self._ourselves.is_own_port(form, port) for form in forms):
            kind = OWN_PORT
            allow = tuple(rule for rule in allow if rule.names_ports)
        elif kind is None and origin == NAME:
            kind = next(filter(None, (self._neighbour(form, port) for form in forms)), None)
        if kind is None or not forms:
            return kind
        return None if covered(allow, ip_address(forms[0]), port) else kind

    def _neighbour(self, ip: str, port: int) -> str | None:
        if self._ourselves.is_node(ip, port):
            return NODE
        return API if self._ourselves.is_api(ip, port) else None

    def _is_open(self, id: Path, address: Address, reason: str) -> bool:
        """Whether `overrides.allow` has an address that a bound name spells; of our own ports only one that it says."""
        rules = self._rules.overrides
        if reason == OWN_PORT:
            rules = tuple(rule for rule in rules if rule.names_ports)
        if not rules or spelled(id) is None:
            return False
        return covered(rules, ip_address(plain(address.ip)), address.port)

    def _is_configured(self, id: Path) -> bool:
        """Whether the configured dtab has host and port of a bound name literally."""
        dtab = self._configured()
        if dtab is None:
            return False
        if dtab is not self._dtab:
            self._dtab = dtab
            self._places = places_in(dtab)
        labels = id.labels
        if (
            labels[:1] == (_TRANSFORMED,) and _BASE in labels
        ):  # what transformers put in front is from the configuration
            id = id.drop(labels.index(_BASE))
        return id in self._places
