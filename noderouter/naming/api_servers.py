"""Where the API servers are, as addresses and ports: what requests are kept away from."""

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from noderouter.core.var import Var
from noderouter.kubernetes.access import Access, Kubeconfig
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.dns.resolver import Ips, Resolver

Place = tuple[str, int]

_PORTS = {"http": 80, "https": 443}


class ApiPlaces:
    """Tells the places known now; a host among them is looked up from the first question on."""

    def __init__(self, clusters: Clusters, resolver: Resolver) -> None:
        self._clusters = clusters
        self._resolver = resolver
        self._hosts: dict[str, Var[Ips]] = {}

    def __call__(self) -> frozenset[Place]:
        """Addresses with ports."""
        places = [*from_environment()]
        for cluster in self._clusters:
            place = place_of(cluster.access, cluster.api.url)
            if place is not None:
                places.append(place)
        return frozenset((ip, port) for host, port in places for ip in self._ips(host))

    def _ips(self, host: str) -> Iterable[str]:
        var = self._hosts.get(host)
        if var is None:
            var = self._hosts[host] = self._resolver.ips(host)
            var.hold()
        ips = var.value
        return ips if isinstance(ips, frozenset) else ()


def from_environment() -> Iterable[Place]:
    """What the kubelet tells every pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if host and port.isdecimal():
        yield host, int(port)


def place_of(access: Access, url: str | None) -> Place | None:
    """Host and port of one API server; those in a kubeconfig are known once it has been read (`url`)."""
    if not isinstance(access, Kubeconfig):
        return access.host, access.port
    parts = urlsplit(url or "")
    port = parts.port or _PORTS.get(parts.scheme)
    return None if not parts.hostname or port is None else (parts.hostname, port)
