"""Policy, pods and services, boiled down to sorted addresses of each family: what both backends write.

Everything that decides *whether* something is captured is decided here or by the sets made here, once:

- A pod of an excluded namespace gives no source. An address that two pods claim gives none either: one of them is
  about to be deleted, and which one is not for us to guess.
- A source is *pinned* to the interface of its pod where routing says which that is. A new pod with the same address has
  a new interface, so it is not captured by what was meant for its predecessor, however late the news.
- A destination in an excluded network or of an excluded port gives no service, nor does the node's own address; with
  scope `all`, the sets `skipped` and `skipped_ports` do the same in the kernel for what is no service. They are written
  in any scope. Services are listed in every scope: with kube-proxy in IPVS mode their addresses are the node's, and the
  list is what tells them from what is not captured because it is the node itself.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from noderouter.interception.keeper.state import (
    GONE,
    NEVER_NAMESPACES,
    NEVER_NETWORKS,
    Address,
    FailureMode,
    Interface,
    Links,
    Network,
    Policy,
    Scope,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class Family:
    """One family's part; every tuple is sorted and without duplicates."""

    version: int
    target: Address
    """The node's own address, where captured connections are sent."""
    sources: tuple[Address, ...]
    pinned: tuple[tuple[Address, Interface], ...]
    services: tuple[tuple[Address, int], ...]
    skipped: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All that a backend writes."""

    port: int
    everything: bool
    """Any destination that is not the node, besides those in `services`."""
    closed: bool
    skipped_ports: tuple[int, ...]
    families: tuple[Family, ...]

    @property
    def pods(self) -> int:
        """The number of addresses of pods that are captured."""
        return sum(len(family.sources) + len(family.pinned) for family in self.families)

    @property
    def services(self) -> int:
        """The number of destinations that are captured; 0 where all are."""
        return 0 if self.everything else sum(len(family.services) for family in self.families)


def ruleset(policy: Policy, wanted: Wanted, links: Links | None = None) -> Ruleset:
    """Return the rules of `policy` for `wanted`; `links` binds each (uid, address) to its interface."""
    skipped = _skipped(policy, wanted)
    sources, pinned = _sources(policy, wanted, links or {})
    families = []
    for target in (policy.capture.ipv4, policy.capture.ipv6):
        if target is None:
            continue
        version = target.version
        networks = tuple(network for network in skipped if network.version == version)
        families.append(
            Family(
                version,
                target,
                tuple(address for address in sources if address.version == version),
                tuple(pair for pair in pinned if pair[0].version == version),
                _services(policy, wanted, networks, version),
                networks,
            )
        )
    return Ruleset(
        policy.capture.port,
        policy.scope is Scope.ALL,
        policy.failure_mode is FailureMode.CLOSED,
        tuple(sorted(policy.exclusions.ports)),
        tuple(families),
    )


def _skipped(policy: Policy, wanted: Wanted) -> tuple[Network, ...]:
    """Return excluded networks, collapsed: interval sets refuse overlaps."""
    networks = [*NEVER_NETWORKS, *policy.exclusions.networks]
    networks += [ipaddress.ip_network(address) for address in wanted.never]
    four = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))
    return (*sorted(four), *sorted(six))


def _sources(policy: Policy, wanted: Wanted, links: Links) -> tuple[list[Address], list[tuple[Address, Interface]]]:
    claims = Counter(address for _, address in {(pod.uid, address) for pod in wanted.pods for address in pod.addresses})
    hidden = NEVER_NAMESPACES | policy.exclusions.namespaces
    own = {policy.capture.ipv4, policy.capture.ipv6}
    free: set[Address] = set()
    pinned: set[tuple[Address, Interface]] = set()
    for pod in wanted.pods:
        if pod.namespace in hidden:
            continue
        for address in pod.addresses:
            if claims[address] > 1 or address in own:  # in doubt, or a pod of the host's network
                continue
            interface = links.get((pod.uid, address))
            if interface is None:
                free.add(address)
            elif interface != GONE:
                pinned.add((address, interface))
    return sorted(free, key=_order), sorted(pinned, key=lambda pair: (_order(pair[0]), pair[1].index))


def _services(
    policy: Policy, wanted: Wanted, skipped: tuple[Network, ...], version: int
) -> tuple[tuple[Address, int], ...]:
    found = {
        (service.address, service.port)
        for service in wanted.services
        if service.address.version == version
        and service.port not in policy.exclusions.ports
        and service.address not in (policy.capture.ipv4, policy.capture.ipv6)
        and (service.http or policy.scope is not Scope.HTTP)
        and not within(service.address, skipped)
    }
    return tuple(sorted(found, key=lambda pair: (_order(pair[0]), pair[1])))


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks has the address."""
    return any(address in network for network in networks)


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)
