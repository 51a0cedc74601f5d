"""Addresses as objects of the API and the environment hold them, and those that are never captured (pure).

What is no address, or none that a packet could have, is left out. The API server is never captured: a pod that cannot
reach it cannot be helped by anybody, and a control loop through the router would make the router depend on itself. So
its cluster IP, the addresses behind that, and what the kubelet tells pods are all direct.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any, Final

from noderouter.interception.keeper.state import Address


def addresses(texts: Iterable[object]) -> Iterator[Address]:
    """Yield each valid address once; skip what is no address."""
    for text in dict.fromkeys(str(text) for text in texts):
        try:
            address = ip_address(text)
        except ValueError:  # a name, `None`, nothing
            continue
        if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
            continue
        yield address


def socket_form(address: Address) -> str:
    """Return the address in the spelling of the kernel's own tools, which is also the shortest."""
    return inet_ntop(AF_INET if address.version == 4 else AF_INET6, address.packed)


VARIABLE: Final = "KUBERNETES_SERVICE_HOST"


def project_slice(thing: Mapping[str, Any]) -> tuple[Address, ...]:
    """Return the addresses of an EndpointSlice, ready or not."""
    return tuple(addresses(address for each in thing.get("endpoints") or () for address in each.get("addresses") or ()))


def from_environment(environment: Mapping[str, str]) -> tuple[Address, ...]:
    """Return the address of the API server that the kubelet sets in the environment of every pod."""
    return tuple(addresses([environment.get(VARIABLE, "")]))
