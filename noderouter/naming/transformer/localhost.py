"""`io.l5d.localhost`: only endpoints on this machine."""

import socket
from typing import ClassVar

from noderouter.core.addr import Address
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind


class Localhost(TransformerKind):
    """Keeps the addresses that are on any interface of this machine."""

    kind_name: ClassVar[str] = "io.l5d.localhost"

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        return AddressTransformer(self.full_prefix(), _local)


def _local(addresses: frozenset[Address]) -> frozenset[Address]:
    return frozenset(address for address in addresses if is_local(address.ip))


def is_local(ip: str) -> bool:
    """Whether `ip` is an address of this machine: exactly then a socket can be bound to it.

    (Not with the sysctl `ip_nonlocal_bind`, where every address passes.)
    """
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError:
            return False
    return True
