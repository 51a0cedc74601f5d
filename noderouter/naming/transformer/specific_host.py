"""`io.l5d.specificHost`: only endpoints on one machine."""

from typing import ClassVar

from dtab import Path
from noderouter.config.fields import Ip
from noderouter.naming.addr import Address
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind


class SpecificHost(TransformerKind):
    """Keeps the addresses whose IP is `host`."""

    kind_name: ClassVar[str] = "io.l5d.specificHost"

    host: Ip

    def build(self, runtime: Runtime) -> Transformer:
        """The transformer."""
        return AddressTransformer(self.prefix + Path.of(self.host), self._there)

    def _there(self, addresses: frozenset[Address]) -> frozenset[Address]:
        return frozenset(address for address in addresses if address.ip == self.host)
