"""What is ours, and so no destination: the addresses of this machine and node, our own ports, the API server.

The kernel is asked which addresses are this machine's, each time: they come and go. The node's, where this pod has a
network of its own, only others know (`destinations.nodeAddresses`; the downward API by `NODE_IPS` or `NODE_IP`).
"""

import errno
import os
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from noderouter.proxy.client.address_class import plain
from noderouter.schema.environment import EnvironmentMissing

VARIABLES: Final = ("NODE_IPS", "NODE_IP")
_SHORT: Final = frozenset((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""The system has run out of something: ports, descriptors, memory."""
_DISCARD: Final = 9
"""Any port will do: nothing is sent there."""

Place = tuple[str, int]


class Ourselves:
    """One for the process; listeners and the API's client add to it."""

    def __init__(
        self,
        node: Iterable[str] = (),
        api: Callable[[], Iterable[Place]] = tuple,
        is_service: Callable[[str, int], bool] = lambda _ip, _port: False,
    ) -> None:
        """`api` returns where the API server is known to be.

        `is_service`: whether a Service is dialled there. With IPVS every one of their addresses is on an interface of
        the node, without being the node.
        """
        self.ports: set[int] = set()
        """Where this process listens, whatever for."""
        self.node = frozenset(map(plain, node))
        self._api = api
        self._is_service = is_service

    def __repr__(self) -> str:
        return f"<Ourselves ports={sorted(self.ports)} node={sorted(self.node)}>"

    def is_node(self, ip: str, port: int) -> bool:
        """Whether an address in its plain form is the node's, or this machine's."""
        return ip in self.node or (is_here(ip) and not self._is_service(ip, port))

    def is_api(self, ip: str, port: int) -> bool:
        """Whether the API server is there."""
        return (ip, port) in self._api()

    def is_own_port(self, ip: str, port: int) -> bool:
        """Whether a connection to there would come back to this process."""
        return port in self.ports and is_here(ip)


def is_here(ip: str) -> bool:
    """Whether the kernel delivers to itself what is sent to `ip`: then it sends from that very address.

    Connecting a datagram socket sends nothing. (To bind one would tell as well, but not with the sysctl
    `ip_nonlocal_bind`.)
    """
    address = ip_address(ip)
    if address.is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((ip, _DISCARD))
            return bool(probe.getsockname()[0] == ip)
    except OSError as error:
        return error.errno in _SHORT  # then nobody can say, and what may be ours is ours


def node_addresses() -> tuple[str, ...]:
    """The addresses of the node by the environment: one, or several with commas between them.

    Raises:
        EnvironmentMissing: it says something else.
    """
    for name in VARIABLES:
        text = os.environ.get(name)
        if text:
            try:
                return tuple(str(ip_address(each.strip())) for each in text.split(","))
            except ValueError:
                raise EnvironmentMissing(f"{name} env variable must be addresses of the node, not {text!r}") from None
    return ()
