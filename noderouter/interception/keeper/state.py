"""The desired state, as values: what is captured, for whom, whereto, and what never is.

`Policy` is fixed for a run and comes from the command line; `Wanted` changes and comes from a source (the router over
the socket, or a file). Both are checked where they enter (`protocol`, `cli`); here they are only meanings.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALIVE_MS: Final = 2500
"""How long the kernel goes on capturing after the last sign of progress: three seconds, less what else may be slow."""

NEVER_NETWORKS: Final[tuple[Network, ...]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),  # metadata services, node-local DNS
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
    IPv6Network("::/127"),
    IPv6Network("fd00:ec2::/32"),  # metadata of EC2
    IPv6Network("fe80::/10"),
    IPv6Network("ff00::/8"),
)
"""Destinations that are direct whatever is configured."""

NEVER_NAMESPACES: Final = frozenset({"kube-system"})
"""Pods that are direct whatever is configured: a node must come up without us."""


class Scope(StrEnum):
    """Which destinations are captured."""

    SERVICES = "services"
    """Every TCP port of every ClusterIP."""
    HTTP = "http"
    """Only ports that are declared as HTTP."""
    ALL = "all"
    """Any address, pods and the outside as well."""


class FailureMode(StrEnum):
    """What happens to new connections while the router is not alive."""

    OPEN = "open"
    """They go directly."""
    CLOSED = "closed"
    """They are refused with a reset."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Where captured connections go: a port of this node's own addresses; a family without address is not captured."""

    port: int
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What the operator takes out: ports and networks of destinations, namespaces of pods."""

    ports: frozenset[int] = frozenset()
    networks: tuple[Network, ...] = ()
    namespaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """What does not change while the keeper runs."""

    capture: Capture
    scope: Scope = Scope.SERVICES
    failure_mode: FailureMode = FailureMode.OPEN
    exclusions: Exclusions = Exclusions()


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of this node that is to be captured; its identity is (uid, address), never the address alone."""

    uid: str
    namespace: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One TCP port of a ClusterIP; `http` says that it is declared as HTTP."""

    address: Address
    port: int
    http: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What changes: pods, services, and addresses that must never be captured (the API server's)."""

    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    never: frozenset[Address] = frozenset()


@dataclass(frozen=True, slots=True)
class Interface:
    """The node's end of a pod's link."""

    index: int
    name: str


GONE: Final = Interface(0, "")
"""The link that an address was bound to has ended: the address belongs to another pod now."""

Links = dict[tuple[str, Address], Interface | None]
"""(uid, address) to the only interface that its packets may come from; None where routing does not show it."""
