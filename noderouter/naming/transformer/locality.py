"""Which node an address is on: by its metadata, or by the network it is in."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from noderouter.core.addr import Address

NodeKey = Callable[[Address], object]
"""Returns what stands for the node of an address; None where it is not known, and then it is near nothing."""

_NETWORK_BITS: Final = {4: 24, 6: 64}
"""How much of an address is the node's, as most clusters hand them out."""


def node_of(address: Address) -> object:
    """Return the name of the node, which the API sends with each endpoint."""
    return dict(address.meta).get("nodeName")


def subnet_of(address: Address) -> object:
    """Return the /24 of an IPv4 address (as Linkerd did it), the /64 of an IPv6 address."""
    return network(address.ip)


def network(ip: str) -> tuple[int, int]:
    """Return the network of a literal address."""
    parsed = ip_address(ip)
    return parsed.version, int(parsed) >> (parsed.max_prefixlen - _NETWORK_BITS[parsed.version])
