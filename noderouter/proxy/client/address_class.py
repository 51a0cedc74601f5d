"""The class of a literal address (pure): loopback, link-local and others that mean this machine, in any spelling.

An IPv6 address may hold an IPv4 one, and a kernel or a gateway on the way unpacks it. So an address is judged together
with all that it holds:

    ::ffff:0:0/96, ::ffff:0:0:0/96    mapped and translated (RFC 4291 section 2.5.5.2, RFC 7915)
    ::/96                             compatible, deprecated (RFC 4291 section 2.5.5.1)
    64:ff9b::/96, 64:ff9b:1::/48      NAT64 (RFC 6052 section 2.2, RFC 8215)
    2002::/16                         6to4 (RFC 3056)
    2001::/32                         Teredo, whose client is written inverted (RFC 4380 section 4)

Short forms (`127.1`, `2130706433`, `0x7f.1`) are gone by now: resolution makes addresses of them.
"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: Final = "loopback"
UNSPECIFIED: Final = "unspecified"
LINK_LOCAL: Final = "link_local"
METADATA: Final = "metadata"
MULTICAST: Final = "multicast"

_CLASSES: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(text), kind)
    for kind, texts in (
        (LOOPBACK, ("127.0.0.0/8", "::1/128")),
        (UNSPECIFIED, ("0.0.0.0/8", "::/128")),
        (LINK_LOCAL, ("169.254.0.0/16", "fe80::/10")),
        # What clouds tell their machines, where that is not link-local: AWS, Google, Azure, Alibaba, Oracle.
        (METADATA, ("fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128", "fd00:a9fe:a9fe::1/128")),
        (METADATA, ("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
        (MULTICAST, ("224.0.0.0/4", "255.255.255.255/32", "ff00::/8")),
    )
    for text in texts
)

_HOLDERS: Final[tuple[tuple[IPv6Network, tuple[int, ...]], ...]] = (
    (IPv6Network("::ffff:0:0/96"), (0,)),
    (IPv6Network("::ffff:0:0:0/96"), (0,)),
    (IPv6Network("::/96"), (0,)),
    (IPv6Network("64:ff9b::/96"), (0,)),
    (IPv6Network("2002::/16"), (80,)),
)
"""Where an IPv4 address is in an IPv6 one: how many bits stand behind it."""
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_TEREDO: Final = IPv6Network("2001::/32")
_WORD: Final = 0xFFFF_FFFF


def held(ip: Ip) -> Iterator[Ip]:
    """The address, and every one that it holds."""
    yield ip
    if isinstance(ip, IPv4Address):
        return
    number = int(ip)
    for network, shifts in _HOLDERS:
        if ip in network and number > 1:
            for shift in shifts:
                yield IPv4Address(number >> shift & _WORD)
    if ip in _NAT64_LOCAL:
        # The prefix may be the whole /48, which has a byte of zeros within the address, or a /96 of it: then the other
        # place is empty.
        places = (number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF, number & _WORD
        yield from map(IPv4Address, filter(None, places)) if any(places) else (IPv4Address(0),)
    if ip in _TEREDO:
        yield IPv4Address(~number & _WORD)


@lru_cache(maxsize=4096)
def plain(ip: str) -> str:
    """How a kernel takes the address: a mapped one is IPv4, an unspecified one is the loopback, a zone is no part."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:
        return "127.0.0.1" if isinstance(address, IPv4Address) else "::1"
    return str(address)


@lru_cache(maxsize=4096)
def spellings(ip: str) -> tuple[str, ...]:
    """The address in its plain form, then all that it holds in theirs; none where it is no address."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ()
    return tuple(dict.fromkeys(plain(str(each)) for each in held(address)))


@lru_cache(maxsize=4096)
def special(ip: str) -> str | None:
    """The class of an address that is not to be reached through a router; None for any other.

    One that is no address at all is in the class of the unspecified.
    """
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return UNSPECIFIED
    for each in held(address):
        for network, kind in _CLASSES:
            if each.version == network.version and each in network:
                return kind
    return None
