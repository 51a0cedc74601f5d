"""`io.l5d.k8s.host`: `Host` as one label, and behind a host without a dot the namespace of the pod that asks.

    Host: web.shop                              /svc/web.shop
    Host: web      from a pod of `shop`         /svc/web/in:shop
    Host: web      from `default`, or anybody   /svc/web

As in the DNS of a pod, `web` is a Service of the pod's own namespace. The pods of this node are known where there is
interception; a client that is none of them (on another node, on the node's network) is in no known namespace. Entries
of a dtab for `/svc/web` hold for all three lines: the namespace comes behind.
"""

from typing import ClassVar

from dtab import Path
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.identifier.scoped import ScopedHostIdentifier


class K8sHost(IdentifierKind):
    """Names exchanges by their host, as the pod that sent them means it."""

    kind_name: ClassVar[str] = "io.l5d.k8s.host"

    @property
    def by_host(self) -> bool:
        """See `IdentifierKind`."""
        return True

    def build(self, prefix: Path) -> Identifier:
        """The identifier where no client is known."""
        return ScopedHostIdentifier(prefix, ClientNamespaces())

    def build_for(self, prefix: Path, clients: ClientNamespaces) -> Identifier:
        """The identifier."""
        return ScopedHostIdentifier(prefix, clients)
