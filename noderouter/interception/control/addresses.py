"""Addresses as objects of the API hold them: what is none, or none that a packet could have, is left out (pure)."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_ntop

from noderouter.interception.keeper.state import Address


def addresses(texts: Iterable[object]) -> Iterator[Address]:
    """Those that there are, each once."""
    for text in dict.fromkeys(str(text) for text in texts):
        try:
            address = ip_address(text)
        except ValueError:  # a name, `None`, nothing
            continue
        if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
            continue
        yield address


def socket_form(address: Address) -> str:
    """In the spelling of the kernel's own tools, which is also the shortest."""
    return inet_ntop(AF_INET if address.version == 4 else AF_INET6, address.packed)
