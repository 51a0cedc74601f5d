"""What an accepted connection had dialled, before the packet filter gave it to us.

Two ways to be captured, and how the kernel tells each:
- translated (DNAT): the connection's entry in conntrack, by SO_ORIGINAL_DST;
- diverted (TPROXY, on a listener with IP_TRANSPARENT): nothing was translated, so the socket's own address is it.

Addresses are as sockets tell them, in their shortest form; an IPv4 client of a dual-stack listener has plain IPv4
ones, for that is what it dialled and what services are known by.
"""

import socket
from typing import Final

SO_ORIGINAL_DST: Final = 80
"""Of SOL_IP and of IPPROTO_IPV6 alike (there called IP6T_SO_ORIGINAL_DST); Python's socket module has neither."""

SOCKADDR_IN_BYTES: Final = 16
SOCKADDR_IN6_BYTES: Final = 28

MAPPED: Final = "::ffff:"
"""How an IPv4 address begins on a dual-stack socket (RFC 4291 section 2.5.5.2)."""


def original_destination(sock: socket.socket) -> tuple[str, int] | None:
    """What was dialled where that was translated to `sock`'s own address; None for a connection that came directly.

    One that is reset already may be forgotten by conntrack, and then counts as direct.
    """
    local = local_destination(sock)
    try:
        if ":" in local[0]:
            raw = sock.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, SOCKADDR_IN6_BYTES)
            address = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        else:
            raw = sock.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, SOCKADDR_IN_BYTES)
            address = socket.inet_ntop(socket.AF_INET, raw[4:8])
    except OSError:  # conntrack does not know the connection, or is not in this kernel
        return None
    dialled = address, int.from_bytes(raw[2:4], "big")
    return None if dialled == local else dialled


def local_destination(sock: socket.socket) -> tuple[str, int]:
    """What was dialled where connections are diverted (TPROXY): the address of the socket itself.

    For one that came directly that is the listener's own, which the caller has to tell apart.
    """
    address, port = sock.getsockname()[:2]
    mapped = address.startswith(MAPPED) and "." in address
    return (address[len(MAPPED) :] if mapped else address), port
