"""`io.l5d.k8s.host`: every spelling of a Service's host has one name.

    - kind: io.l5d.k8s.host

`/#/io.l5d.k8s.host/<labels of a host, reversed>` is `/service/<namespace>/<service>`, with `/<port>` behind it where
the host has one, and `/service/<namespace>/<pod>.<service>` for one pod of it. What is a spelling of what stands in
`k8s_spelling.py`. The answer is bound through the whole dtab, so entries for that name hold for every spelling.

Nothing is looked up: whether there is such a Service is for the dtab to find out further on.
"""

from typing import ClassVar

from dtab import NEG, Leaf, Ok, Path
from noderouter.core.computed import Reading
from noderouter.kubernetes.cluster_domain import tidy
from noderouter.naming.k8s_spelling import canonical
from noderouter.naming.lookup import Lookup, Namer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.naming.service_names import ServiceNames
from noderouter.schema.fields import Domain, PathText


class K8sHost(NamerKind):
    """Hosts as names of Services, below `name`."""

    kind_name: ClassVar[str] = "io.l5d.k8s.host"

    name: PathText = Path.of("service")
    clusterDomain: Domain | None = None

    @property
    def names_of_hosts(self) -> tuple[Path, ...]:
        """The prefix of the names below `name`."""
        return (self.name,)

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer."""
        domain = runtime.cluster_domain() if self.clusterDomain is None else tidy(self.clusterDomain)
        return K8sHostNamer(self.full_prefix, self.name, domain)


class K8sHostNamer(Namer):
    """Answers the name of the Service that a host spells; Neg where it cannot be one."""

    def __init__(self, prefix: Path, name: Path, domain: str) -> None:
        """`domain` is the cluster's; empty where it is not known."""
        self.prefix = prefix
        self._name = name
        self._domain = tuple(reversed(domain.split("."))) if domain else ()

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Rewrite `path`."""
        found = canonical(path.labels, self._domain)
        return Ok(NEG) if found is None else Ok(Leaf(Path(self._name.labels + found)))

    def service_names(self, prefix: Path) -> ServiceNames:
        """Return which names of a router are one."""
        return ServiceNames(prefix, self._name, self._domain)

    def state(self) -> dict[str, str | None]:
        """Return the cluster's domain."""
        return {"clusterDomain": ".".join(reversed(self._domain)) or None}
