"""`io.l5d.port`: the same hosts, at another port: that of the router there."""

from dataclasses import replace
from typing import Annotated, ClassVar

from noderouter.core.addr import Address, gateway
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind
from noderouter.schema.kind import Field


class Port(TransformerKind):
    """Replaces the port of every address; addresses that differed only there become one."""

    kind_name: ClassVar[str] = "io.l5d.port"

    port: Annotated[int, Field(ge=1, le=65535)]

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        return AddressTransformer(self.full_prefix(str(self.port)), self._at_port)

    def _at_port(self, addresses: frozenset[Address]) -> frozenset[Address]:
        return frozenset(gateway(replace(address, port=self.port)) for address in addresses)
