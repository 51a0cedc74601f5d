"""`io.l5d.k8s.daemonset`: instead of each pod, the pod of a DaemonSet on the same node: linker to linker.

    transformers:
    - kind: io.l5d.k8s.daemonset
      namespace: linkerd
      service: l5d
      port: incoming
      hostNetwork: true
      orDirect: true

The pods behind `service` are the gateways. Each address becomes the gateways of its node; many become one. Which node
an address is on, `locality.py` says: by name with `hostNetwork`, else by network. An address without a gateway
vanishes; where none is left, the address is negative: a 502, and no fallback. While the gateways are not known, neither
is the address.

With `orDirect` an address without a gateway stays as it is: that of a pod whose node's router is being replaced, or of
what is on no node at all. Pods are not lost with the router of their node. The chart has it on;
Linkerd has no such key.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Self

from dtab import Path
from noderouter.core.addr import Addr, AddrBound, AddrNeg, AddrPending, gateway
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.kubernetes.access import Access, ApiPort, Host, access, one_way
from noderouter.kubernetes.needs import of_services
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.k8s_target import Target
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind
from noderouter.naming.transformer.locality import NodeKey, node_of, subnet_of
from noderouter.schema.fields import FilePath
from noderouter.schema.kind import Field, model_validator
from noderouter.schema.needs import Need

Word = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[0-9A-Za-z-]+$")]


class Daemonset(TransformerKind):
    """Sends everything through the pods of a DaemonSet."""

    kind_name: ClassVar[str] = "io.l5d.k8s.daemonset"

    k8sHost: Host | None = None
    k8sPort: ApiPort | None = None
    kubeconfig: FilePath | None = None
    context: str | None = None
    namespace: Word
    service: Word
    port: Word
    hostNetwork: bool = False
    orDirect: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        one_way(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)
        return self

    @property
    def access(self) -> Access:
        """How the API server is reached."""
        return access(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        return of_services(self.access, self.namespace)

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        path = Path.of(self.namespace, self.port, self.service)
        name = PathForm().parse(path)
        assert name is not None, path
        gateways = Target(name, runtime.clusters.get(self.access), runtime.resolver)
        place = node_of if self.hostNetwork else subnet_of
        prefix = self.full_prefix(self.namespace, self.port, self.service)
        return DaemonsetTransformer(prefix, gateways, place, or_direct=self.orDirect)


class DaemonsetTransformer(AddressTransformer):
    """Replaces addresses by the gateways near them."""

    def __init__(self, prefix: Path, gateways: Target, place: NodeKey, *, or_direct: bool = False) -> None:
        """`place` maps an address to its node; with `or_direct`, addresses near no gateway stay."""
        super().__init__(prefix, frozenset)
        self._gateways = gateways
        self._place = place
        self._or_direct = or_direct

    def state(self) -> dict[str, Any]:
        """Return what is known of the gateways."""
        return {"endpoints": {self._gateways.name.key: self._gateways.state()}}

    def _follow(self, source: Var[Addr]) -> Computed[Addr]:
        return Computed(lambda reading: self._through(reading.read(source), reading))

    def _through(self, addr: Addr, reading: Reading) -> Addr:
        """Return the gateways of an address set; what is not bound is passed on as it is."""
        if not isinstance(addr, AddrBound):
            return addr
        gateways = reading.read(self._gateways.addr)
        if not isinstance(gateways, AddrBound):
            return addr if self._or_direct and not isinstance(gateways, AddrPending) else gateways
        places = {self._place(address) for address in addr.addresses} - {None}
        near = {each for each in gateways.addresses if self._place(each) in places}
        found = {gateway(each) for each in near}
        if self._or_direct:
            covered = {self._place(each) for each in near}
            found |= {each for each in addr.addresses if self._place(each) not in covered}
        return AddrBound(frozenset(found), addr.meta) if found else AddrNeg()
