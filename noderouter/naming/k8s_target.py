"""One name of `io.l5d.k8s`: a port of a Service, or of one host of it.

Two values follow from what the API holds. The *answer* is what the dtab sees; it changes only when the Service, the
port or the host comes or goes. The *address* set changes with every pod, and flows into the client without binding
again.

    by port name      slices have it                    bound        by port number   in the Service       bound
                      not, but the Service is there     Neg                           not in the Service   Neg
                      no such Service                   Neg                           no such Service      Neg
    one host of it    slices have it, and the port      bound        likewise
                      slices have it without the port   Neg
                      not, but the Service is there     bound, to nothing

"Bound" may be to no address at all: that is a 502, and no fallback (docs/linkerd1.md section 3.2). With a number, that
is so whatever `targetPort` is; Linkerd made a difference there, by which a Service without pods looked like a name of
DNS. So it is for one host, which may be about to come back: whoever asks for it wants no other.
"""

from enum import Enum
from typing import Any

from dtab import Failed, Pending
from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.computed import Computed, Reading, Shared
from noderouter.kubernetes.addresses import PortOf, addresses, has_host, named, numbered, reused
from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.endpoint_slice import Slice
from noderouter.kubernetes.service import Service
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.k8s_path import TargetName


class Answer(Enum):
    """What the API holds for a name."""

    NEG = "neg"
    BOUND = "bound"


class Target:
    """`answer` and `addr` of a name; nothing is watched while neither is held."""

    def __init__(self, name: TargetName, cluster: Cluster, resolver: Resolver) -> None:
        self.name = name
        self._shared_answer: Shared[Answer | Pending | Failed] = Shared()
        self._shared_addr: Shared[Addr] = Shared()
        self._cluster = cluster
        self._resolver = resolver
        self._addresses: frozenset[Address] = frozenset()

    def __repr__(self) -> str:
        return f"<Target {self.name}>"

    @property
    def answer(self) -> Computed[Answer | Pending | Failed]:
        """What the API holds for the name."""
        return self._shared_answer.get(self._answer)

    @property
    def addr(self) -> Computed[Addr]:
        """Its addresses."""
        return self._shared_addr.get(self._addr)

    def state(self) -> dict[str, Any]:
        """Return what is known, for the admin interface, in Linkerd's form (docs/linkerd1.md section 7.4)."""
        node = self._cluster.endpoints.nodes.get(f"{self.name.namespace}/{self.name.service}")
        return {"state": {"running": False, "value": None}, "watch": None} if node is None else node.state()

    def ports(self) -> dict[str, str]:
        """Return what a port number is mapped to."""
        node = self._cluster.services.nodes.get(f"{self.name.namespace}/{self.name.service}")
        service = None if node is None else node.value
        if not self.name.port.isdecimal() or not isinstance(service, Present):
            return {}
        port = service.value.at(self.name.port)
        return {} if port is None else {self.name.port: str(port.target)}

    def _service(self, reading: Reading) -> State[Service]:
        return reading.read(self._cluster.services.service(self.name.namespace, self.name.service))

    def _slices(self, reading: Reading) -> State[tuple[Slice, ...]]:
        """Return the slices, filtered by the label where one is given."""
        state = reading.read(self._cluster.endpoints.slices(self.name.namespace, self.name.service))
        label = self.name.label
        if label is None or not isinstance(state, Present):
            return state
        key, value = label
        labelled = tuple(each for each in state.value if each.label(key).lower() == value)
        return Present(labelled) if labelled else Absent()

    # The answer

    def _answer(self, reading: Reading) -> Answer | Pending | Failed:
        service = self._service(reading)
        match service:
            case Absent():
                return Answer.NEG
            case Unknown():
                return Pending()  # its endpoints are not asked for before it is known that there is such a Service
            case Present(value) if value.external_name:
                return Answer.BOUND if self._external_port(value) else Answer.NEG
        if self.name.host and self._lacks_host(service, self._slices(reading)):
            return Answer.BOUND
        if self.name.port.isdecimal():
            return self._answer_by_number(service, reading)
        return self._answer_by_name(self.name.port, reading)

    def _answer_by_number(self, service: State[Service], reading: Reading) -> Answer | Pending | Failed:
        match service:
            case Unreachable(reason):
                return Failed(f"what port {self.name.port} of the service is cannot be known: {reason}")
            case Unknown() | Absent():
                return Answer.NEG
            case Present(value):
                port = value.at(self.name.port)
                if port is None:
                    return Answer.NEG
                return self._answer_by_name(port.name, reading) if self.name.host else Answer.BOUND

    def _answer_by_name(self, port: str, reading: Reading) -> Answer | Pending | Failed:
        slices = self._slices(reading)
        match slices:
            case Present(value):
                return Answer.BOUND if has_host(value, named(port), self.name.host) else Answer.NEG
            case Unreachable(reason):
                return Failed(reason)
            case Unknown():
                return Pending()
            case Absent():
                return Answer.NEG

    def _lacks_host(self, service: State[Service], slices: State[tuple[Slice, ...]]) -> bool:
        """Whether the Service is there, but the requested host is none of its hosts, at whatever port."""
        match slices:
            case Present(value):
                return not any(one.name == self.name.host for each in value for one in each.hosts)
            case Absent():
                return isinstance(service, Present) and self.name.label is None
        return False

    # The addresses

    def _addr(self, reading: Reading) -> Addr:
        service = self._service(reading)
        if isinstance(service, Unknown):
            return AddrPending()
        known = service.value if isinstance(service, Present) else None
        if known is not None and known.external_name:
            port = self._external_port(known)
            if not port:
                return AddrNeg()
            return reading.read(self._resolver.addr((known.external_name,), port))
        port_of = self._port_of(known)
        if port_of is None and not self.name.host:
            return AddrBound(frozenset())
        slices = self._slices(reading)
        if self.name.host and self._lacks_host(service, slices):
            return AddrNeg(f"{self._in_words()} has no pod {self.name.host}")
        if port_of is None:
            return AddrBound(frozenset())
        match slices:
            case Unknown():
                return AddrPending()
            case Unreachable(reason):
                return AddrFailed(reason)
            case Absent():
                return AddrBound(frozenset())
            case Present(value):
                ipv6_first = known is not None and known.ipv6_first
                found = addresses(value, port_of, host=self.name.host, ipv6_first=ipv6_first)
                if self.name.host and not found:
                    return AddrNeg(f"the pod {self.name.host} of {self._in_words()} is not ready")
                self._addresses = reused(found, self._addresses)
                return AddrBound(self._addresses)

    def _in_words(self) -> str:
        return f"the Service {self.name.service} in the namespace {self.name.namespace}"

    def _port_of(self, service: Service | None) -> PortOf | None:
        """Return how to find the port in slices; None where it cannot be known."""
        if not self.name.port.isdecimal():
            return named(self.name.port)
        port = None if service is None else service.at(self.name.port)
        if port is None:
            return None
        return numbered(port.name, port.target) if isinstance(port.target, int) else named(port.name)

    def _external_port(self, service: Service) -> int:
        """Return the port of a name in DNS: a number as it is, a name must be one of the Service; 0 for none."""
        if self.name.port.isdecimal():
            number = int(self.name.port) if len(self.name.port) < 6 else 0
            return number if number < 65536 else 0
        port = service.at(self.name.port)
        return 0 if port is None else port.port
