"""`admin.peers`: where the other routers are, for who looks at all nodes."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Annotated, ClassVar, Final, Self

from noderouter.admin.mesh.peers import ListedPeers, Peer, Peers, ServicePeers
from noderouter.admin.mesh.sums import NODES
from noderouter.kubernetes.access import Access, ApiPort, Host, access, one_way
from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.needs import DISCOVERY_GROUP, reading
from noderouter.schema.fields import FilePath
from noderouter.schema.kind import AfterValidator, Field, Model, Several, model_validator
from noderouter.schema.needs import Need

PORT: Final = "probes"
"""The name of the metrics port in the chart's headless Service."""

Word = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[0-9A-Za-z-]+$")]


def _peer(text: str) -> Peer:
    """Return the router at `address:port`.

    Raises:
        ValueError: it is none.
    """
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare != host) or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise ValueError("must be an address and a port, such as 10.0.0.7:9991 or [fd00::7]:9991")
    try:
        return Peer(str(ip_address(bare)), int(port))
    except ValueError:
        raise ValueError("must be an address and a port, such as 10.0.0.7:9991: names are not looked up") from None


def _listed(text: str) -> str:
    _peer(text)
    return text


class PeersConfig(Model):
    """A Service whose endpoints are the routers of all nodes, this one among them; or their addresses."""

    section: ClassVar[str] = "peers"

    namespace: Word | None = None
    service: Word | None = None
    port: Word = PORT
    """The name of the port where they show metrics."""
    addresses: Annotated[Several[Annotated[str, AfterValidator(_listed)]], Field(max_length=NODES)] = ()
    k8sHost: Host | None = None
    k8sPort: ApiPort | None = None
    kubeconfig: FilePath | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        """Want a Service or addresses."""
        one_way(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)
        if bool(self.addresses) == bool(self.service) or bool(self.service) != bool(self.namespace):
            raise ValueError("either `namespace` and `service`, or `addresses`")
        return self

    @property
    def access(self) -> Access:
        """How the API server is reached."""
        return access(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        if self.service:
            yield from reading(self.access, "endpointslices", self.namespace or "", DISCOVERY_GROUP)

    def build(self, clusters: Clusters) -> Peers:
        """Return who knows where they are; opens nothing."""
        if self.service and self.namespace:
            return ServicePeers(clusters.get(self.access), self.namespace, self.service, self.port)
        return ListedPeers([_peer(each) for each in self.addresses])
