"""Addresses and ports of the API servers: where requests must not go."""

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from noderouter.core.var import Var
from noderouter.kubernetes.access import Access, Kubeconfig
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.dns.resolver import Ips, Resolver

HostPort = tuple[str, int]
"""A host name or address, and a port."""

_PORTS = {"http": 80, "https": 443}


class ApiServers:
    """The addresses and ports of API servers known now; a host name is resolved from the first call on."""

    def __init__(self, clusters: Clusters, resolver: Resolver) -> None:
        self._clusters = clusters
        self._resolver = resolver
        self._hosts: dict[str, Var[Ips]] = {}

    def __call__(self) -> frozenset[HostPort]:
        """Return addresses with ports."""
        found = [*from_environment()]
        for cluster in self._clusters:
            known = host_port_of(cluster.access, cluster.api.url)
            if known is not None:
                found.append(known)
        return frozenset((ip, port) for host, port in found for ip in self._ips(host))

    def _ips(self, host: str) -> Iterable[str]:
        var = self._hosts.get(host)
        if var is None:
            var = self._hosts[host] = self._resolver.ips(host)
            var.hold()
        ips = var.value
        return ips if isinstance(ips, frozenset) else ()


def from_environment() -> Iterable[HostPort]:
    """Yield what the kubelet sets in the environment of every pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if host and port.isdecimal():
        yield host, int(port)


def host_port_of(access: Access, url: str | None) -> HostPort | None:
    """Return host and port of one API server; those in a kubeconfig are known once it has been read (`url`)."""
    if not isinstance(access, Kubeconfig):
        return access.host, access.port
    parts = urlsplit(url or "")
    port = parts.port or _PORTS.get(parts.scheme)
    return None if not parts.hostname or port is None else (parts.hostname, port)
