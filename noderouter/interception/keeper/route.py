"""Which interface a pod's packets come from, asked of the kernel's routes (rtnetlink, RTM_GETROUTE); needs no
privilege.

An answer counts only where the route is for that one address, as routed CNIs make them (Calico, AWS, GKE, kindnet).
Behind a bridge, or one route for all pods, the interface says nothing about the pod, and the answer is None.
"""

import re
import socket
import struct
from typing import Final

from noderouter.interception.keeper.state import Address, Interface

RTM_NEWROUTE: Final = 24
RTM_GETROUTE: Final = 26
NLM_F_REQUEST: Final = 1
RTM_F_FIB_MATCH: Final = 0x2000
RTN_UNICAST: Final = 1
RTA_DST: Final = 1
RTA_OIF: Final = 4
SECONDS: Final = 1.0

_HEADER: Final = struct.Struct("=LHHLL")
_ROUTE: Final = struct.Struct("=BBBBBBBBL")
_ATTRIBUTE: Final = struct.Struct("=HH")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,15}")
"""Names that need no quoting in any rule."""


def interface_of(address: Address) -> Interface | None:
    """Return the interface that leads to this address alone; None where routing does not say."""
    try:
        answer = _asked(address)
    except OSError:
        return None
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != RTM_NEWROUTE:
        return None
    _, length, _, _, _, _, _, route_type, _ = _ROUTE.unpack_from(answer, _HEADER.size)
    if route_type != RTN_UNICAST or length != address.max_prefixlen:
        return None
    index = _attribute(answer, _HEADER.size + _ROUTE.size, RTA_OIF)
    return None if index is None else _named(index)


def exists(interface: Interface) -> bool:
    """Whether the interface is still there, under the same name; an index is not used again."""
    try:
        return socket.if_indextoname(interface.index) == interface.name
    except OSError:
        return False


def _asked(address: Address) -> bytes:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    route = _ROUTE.pack(family, address.max_prefixlen, 0, 0, 0, 0, 0, 0, RTM_F_FIB_MATCH)
    packed = address.packed
    body = route + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), RTA_DST) + packed
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(SECONDS)
        sock.bind((0, 0))
        sock.send(_HEADER.pack(_HEADER.size + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0) + body)
        return sock.recv(8192)


def _attribute(message: bytes, at: int, wanted: int) -> int | None:
    """Encode a 32-bit attribute."""
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if length < _ATTRIBUTE.size:
            return None
        if kind == wanted and length == _ATTRIBUTE.size + 4:
            return int.from_bytes(message[at + 4 : at + 8], "little" if struct.pack("=H", 1)[0] else "big")
        at += (length + 3) & ~3
    return None


def _named(index: int) -> Interface | None:
    try:
        name = socket.if_indextoname(index)
    except OSError:
        return None
    return Interface(index, name) if _PLAIN_NAME.fullmatch(name) else None
