"""`io.l5d.k8s.external`: the load balancers of Services, for routers outside of the cluster.

    - kind: io.l5d.k8s.external

`/#/io.l5d.k8s.external/<namespace>/<port>/<service>` is where `status.loadBalancer.ingress` of the Service says, at
the port of that name or number. A host name there is resolved. No such Service or port is Neg; a Service whose load
balancer is not there yet is bound to no address.
"""

from collections.abc import Iterable
from typing import ClassVar

from dtab import Failed, Pending
from noderouter.core.addr import ENDPOINT, Addr, AddrBound, AddrFailed, AddrPending, vouched
from noderouter.core.computed import Reading
from noderouter.kubernetes.access import ApiKeys
from noderouter.kubernetes.needs import reading
from noderouter.kubernetes.state import Absent, Unknown, Unreachable
from noderouter.naming.dns.resolver import literal, unite
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.k8s_target import Answer, Target
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.k8s_namer import K8sNamer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.needs import Need


class K8sExternal(NamerKind, ApiKeys):
    """Load balancers of Services."""

    kind_name: ClassVar[str] = "io.l5d.k8s.external"
    open_to_overrides: ClassVar[bool] = True

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        return reading(self.access, "services", "")

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer."""
        cluster = runtime.clusters.get(self.access)
        return K8sNamer(self.full_prefix, PathForm(), cluster, runtime.resolver, External)


class External(Target):
    """The load balancer of a Service."""

    def _answer(self, reading: Reading) -> Answer | Pending | Failed:
        service = self._service(reading)
        match service:
            case Absent():
                return Answer.NEG
            case Unknown():
                return Pending()
            case Unreachable(reason):
                return Failed(reason)
        return Answer.NEG if self.name.host or service.value.at(self.name.port) is None else Answer.BOUND

    def _addr(self, reading: Reading) -> Addr:
        service = self._service(reading)
        match service:
            case Absent():
                return AddrBound(frozenset())
            case Unknown():
                return AddrPending()
            case Unreachable(reason):
                return AddrFailed(reason)
        port = service.value.at(self.name.port)
        if port is None:
            return AddrBound(frozenset())
        ingress = service.value.ingress
        addr = unite([(reading.read(self._resolver.ips(place)), port.port, 1.0) for place in ingress])
        # Where a host stands there, DNS says the address, and not the API.
        return vouched(addr, {ip for place in ingress if (ip := literal(place)) is not None}, ENDPOINT)
