"""Literal addresses: as people write them, and how a listener of this host is dialled."""

import socket
from typing import Final

LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}
"""A wildcard of IPv6 takes IPv4 connections as well."""


def join_host_port(host: str, port: int) -> str:
    """`host:port`; an address of IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def unmapped(ip: str) -> str:
    """Return an IPv4-mapped IPv6 address as IPv4; any other as it is (RFC 4291 section 2.5.5.2)."""
    return ip[7:] if ip.startswith("::ffff:") and "." in ip else ip


def dial(host: str, port: int) -> socket.socket:
    """A non-blocking connection on its way to where somebody listens at `host`; over loopback it is there at once.

    Raises:
        OSError: refused, or no descriptor is left.
    """
    host = LOOPBACK.get(host, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.connect((host, port))
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        raise
    return sock
