"""`io.l5d.specificHost`: only endpoints on one machine, which is named by its address or its name.

A name is resolved for as long as somebody needs it, and followed as it changes (Linkerd asks once, at the start, and
takes one address). While it is not known, neither is the address; of a name that does not exist there is none.
"""

from typing import Annotated, Any, ClassVar

from noderouter.core.addr import Addr, AddrBound, Address, AddrNeg
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.naming.dns.query import is_host_name, literal
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind
from noderouter.schema.kind import PlainValidator


def _host(value: Any) -> str:
    if not isinstance(value, str) or not (literal(value) or is_host_name(value)):
        raise ValueError("must be an address or a host name, such as 10.0.0.1, ::1 or router.example.com")
    return value


class SpecificHost(TransformerKind):
    """Keeps the addresses that are those of `host`."""

    kind_name: ClassVar[str] = "io.l5d.specificHost"

    host: Annotated[str, PlainValidator(_host)]

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        return SpecificHostTransformer(self, runtime.resolver)


class SpecificHostTransformer(AddressTransformer):
    """Keeps the addresses of one host, by the resolver; a literal address needs no query."""

    def __init__(self, config: SpecificHost, resolver: Resolver) -> None:
        super().__init__(config.full_prefix(config.host), frozenset)
        self._host = config.host
        self._resolver = resolver

    def _follow(self, source: Var[Addr]) -> Computed[Addr]:
        return Computed(lambda reading: self._there(reading.read(source), reading))

    def _there(self, addr: Addr, reading: Reading) -> Addr:
        """Return the addresses of a set that are on the host; what is not bound is passed on as it is."""
        if not isinstance(addr, AddrBound):
            return addr
        ips = reading.read(self._resolver.ips(self._host))
        if not isinstance(ips, frozenset):
            return ips
        kept: frozenset[Address] = frozenset(address for address in addr.addresses if address.ip in ips)
        return AddrBound(kept, addr.meta) if kept else AddrNeg()
