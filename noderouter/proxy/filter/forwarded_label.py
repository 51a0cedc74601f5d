"""How `Forwarded` names the two ends of a connection (RFC 7239 section 6; docs/linkerd1.md section 2.5).

A label takes the end it names and the other end of the connection, and answers the value as it goes on the wire,
quoted where needed. Addresses of our own network are nobody's business behind the next hop, so the default names
each request's ends by something random.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, ip_address
from os import urandom
from random import choices
from re import ASCII, compile
from string import ascii_letters, digits
from typing import ClassVar, Final

from noderouter.schema.kind import Kind, field_validator

Address = tuple[str, int]
"""An IP address and a port; ("", 0) where unknown."""

Label = Callable[[Address, Address], bytes]
"""From the end that is named and the other end to a value."""

UNKNOWN: Final = b"unknown"
_ALPHABET: Final = ascii_letters + digits
_LENGTH: Final = 6
_OBFUSCATED: Final = compile(r"[A-Za-z0-9._-]+", ASCII)
_UNFIT: Final = compile(r"[^A-Za-z0-9._-]", ASCII)


class LabelKind(Kind):
    """What `by` and `for` may be (`requestRandom` where absent)."""

    def build(self, router: str) -> Label:
        """The label; `router` is the label of the router."""
        raise NotImplementedError


class IpKind(LabelKind):
    """The IP address."""

    kind_name: ClassVar[str] = "ip"

    def build(self, router: str) -> Label:
        """See the base."""
        return lambda end, other: show_ip(end[0])


class IpPortKind(LabelKind):
    """The IP address and the port."""

    kind_name: ClassVar[str] = "ip:port"

    def build(self, router: str) -> Label:
        """See the base."""
        return lambda end, other: show_ip_port(end)


class ConnectionRandomKind(LabelKind):
    """Something random that stays the same for a connection."""

    kind_name: ClassVar[str] = "connectionRandom"

    def build(self, router: str) -> Label:
        """A keyed digest of the two addresses: nothing has to be remembered per connection."""
        key = urandom(16)
        return lambda end, other: _digest(key, end, other) if end[0] else UNKNOWN


class RequestRandomKind(LabelKind):
    """Something random for each request."""

    kind_name: ClassVar[str] = "requestRandom"

    def build(self, router: str) -> Label:
        """See the base."""
        return request_random


class RouterKind(LabelKind):
    """The label of the router."""

    kind_name: ClassVar[str] = "router"

    def build(self, router: str) -> Label:
        """See the base; what an identifier of RFC 7239 cannot hold becomes `-`."""
        label = _static(_UNFIT.sub("-", router))
        return lambda end, other: label


class StaticKind(LabelKind):
    """A given text."""

    kind_name: ClassVar[str] = "static"

    label: str

    @field_validator("label")
    @classmethod
    def _fits(cls, value: str) -> str:
        if _OBFUSCATED.fullmatch(value) is None:
            raise ValueError(f"label {value!r}: only letters, digits and '._-' can be used (RFC 7239 section 6.3)")
        return value

    def build(self, router: str) -> Label:
        """See the base."""
        label = _static(self.label)
        return lambda end, other: label


def request_random(end: Address, other: Address) -> bytes:
    """A random identifier, or `unknown` for an end without an address."""
    return ("_" + "".join(choices(_ALPHABET, k=_LENGTH))).encode("ascii") if end[0] else UNKNOWN


@lru_cache(maxsize=4096)
def show_ip(ip: str) -> bytes:
    """An IP address as a `node` of RFC 7239; IPv6 in brackets and quotes, with all eight groups as Linkerd did."""
    node = _node(ip)
    return b'"%b"' % node if node[:1] == b"[" else node


def show_ip_port(address: Address) -> bytes:
    """An IP address and port, quoted."""
    node = _node(address[0])
    return node if node is UNKNOWN else b'"%b:%d"' % (node, address[1])


@lru_cache(maxsize=4096)
def _node(ip: str) -> bytes:
    try:
        address = ip_address(ip)
    except ValueError:
        return UNKNOWN
    if not isinstance(address, IPv4Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:
        return UNKNOWN
    if isinstance(address, IPv4Address):
        return str(address).encode("ascii")
    words = address.packed
    return b"[" + b":".join(b"%x" % int.from_bytes(words[i : i + 2], "big") for i in range(0, 16, 2)) + b"]"


@lru_cache(maxsize=4096)
def _digest(key: bytes, end: Address, other: Address) -> bytes:
    text = f"{end[0]} {end[1]} {other[0]} {other[1]}".encode()
    number = int.from_bytes(blake2b(text, key=key, digest_size=8).digest(), "big")
    label = bytearray(b"_")
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        label += _ALPHABET[index].encode("ascii")
    return bytes(label)


def _static(label: str) -> bytes:
    return (label if label.startswith("_") else "_" + label).encode("ascii")
