"""Ports that a test may give to a process that it starts.

Not those that the kernel hands out: between the test that looks and the process that listens, any connection of another
test could take one of them.
"""

import secrets
import socket
from pathlib import Path
from typing import Final

LOWEST: Final = 10_240
HANDED_OUT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Return `count` ports below those that the kernel hands out, on which nobody listens now."""
    first = int(HANDED_OUT.read_text().split()[0])
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("", LOWEST + secrets.randbelow(first - LOWEST)))
                sock.listen()
            except OSError:
                sock.close()
            else:
                held.append(sock)
        return [sock.getsockname()[1] for sock in held]
    finally:
        for sock in held:
            sock.close()
