"""Reports changes to nf_tables as they happen: the kernel notifies every subscriber.

Only the table and, for elements, the set of a change are looked at; what it was the keeper finds by comparing. The
renewal of our own switch is left out, for it comes every 0.4 seconds. iptables-legacy notifies nobody, so there the
timer has to do.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

NETLINK_NETFILTER: Final = 12
SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NFNLGRP_NFTABLES: Final = 7
SUBSYSTEM: Final = 10
NEWSETELEM: Final = 12
DELSETELEM: Final = 14
TABLE_NAME: Final = 1
"""The attribute is the same for tables, chains, rules, sets and lists of elements."""
SET_NAME: Final = 2
"""In lists of elements."""
READS: Final = 64
"""Datagrams for each turn of the loop; what is left makes the next turn come at once."""

_HEADER: Final = struct.Struct("=LHHLL")
_ATTRIBUTE: Final = struct.Struct("=HH")
_FAMILY_HEADER: Final = 4


class NftMonitor:
    """A netlink subscription to changes of some tables; `fileno` is readable after any change."""

    def __init__(self, tables: frozenset[str], own_switch: str = "alive") -> None:
        """Subscribe.

        Raises:
            OSError: not permitted, or no nf_tables; the timer will do.
        """
        self._tables = tables
        self._switch = own_switch
        self._sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        )
        try:
            self._sock.bind((0, 0))
            self._sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        except OSError:
            self._sock.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._sock.fileno()

    def happened(self) -> bool:
        """Read the notifications; return whether any concerns our tables."""
        found = False
        for _ in range(READS):
            try:
                data = self._sock.recv(65536)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: notifications were lost, so assume that something changed
                return True
            found = found or any(self._concerns(kind, attributes) for kind, attributes in _messages(data))
        return found

    def close(self) -> None:
        """End the subscription."""
        self._sock.close()

    def _concerns(self, kind: int, attributes: bytes) -> bool:
        if kind >> 8 != SUBSYSTEM or _name(attributes, TABLE_NAME) not in self._tables:
            return False
        return kind & 0xFF not in (NEWSETELEM, DELSETELEM) or _name(attributes, SET_NAME) != self._switch


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the attributes of each message of a datagram."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at + _HEADER.size + _FAMILY_HEADER : at + length]
        at += (length + 3) & ~3


def _name(attributes: bytes, wanted: int) -> str:
    """Return an attribute that is a name; empty if there is none."""
    at = 0
    while at + _ATTRIBUTE.size <= len(attributes):
        length, kind = _ATTRIBUTE.unpack_from(attributes, at)
        if length < _ATTRIBUTE.size:
            break
        if kind & 0x3FFF == wanted:
            return attributes[at + _ATTRIBUTE.size : at + length].rstrip(b"\0").decode(errors="replace")
        at += (length + 3) & ~3
    return ""
