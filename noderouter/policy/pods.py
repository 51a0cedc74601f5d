"""Follows the pods of this node in the API, for `Workloads`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from sys import intern
from typing import Any

from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.collection import Collection
from noderouter.kubernetes.paths import pods
from noderouter.kubernetes.pod import network, runs, workload_of
from noderouter.policy.workloads import Known, Workload


@dataclass(frozen=True, slots=True)
class SeenPod:
    """What is kept of a pod."""

    workload: Workload
    ips: tuple[str, ...]
    """Its own addresses; none while it has no network of its own, or no process any more."""
    node_ips: tuple[str, ...]


def project_pod(thing: Mapping[str, Any]) -> SeenPod:
    """Return what is kept of a pod as the API sends it."""
    metadata, spec, status = (thing.get(key) or {} for key in ("metadata", "spec", "status"))
    namespace, name = (intern(str(metadata.get(key) or "")) for key in ("namespace", "name"))
    account = intern(f"{namespace}/{spec.get('serviceAccountName') or 'default'}")
    labels = frozenset((str(key), str(value)) for key, value in (metadata.get("labels") or {}).items())
    workload = Workload(namespace, name, account, labels, intern(workload_of(metadata)))
    own = not spec.get("hostNetwork") and network(status)[0] and runs(metadata, status)
    listed = [each.get("ip") for each in status.get("podIPs") or ()] or [status.get("podIP")]
    hosts = [each.get("ip") for each in status.get("hostIPs") or ()] or [status.get("hostIP")]
    return SeenPod(workload, _addresses(listed) if own else (), _addresses(hosts))


def known_by(seen: Iterable[SeenPod], node: str) -> Known:
    """Return what these pods say together of the node."""
    found: dict[str, Workload] = {}
    disputed: set[str] = set()
    node_ips: set[str] = set()
    for pod in seen:
        node_ips.update(pod.node_ips)
        for ip in pod.ips:
            if found.setdefault(ip, pod.workload) is not pod.workload:
                disputed.add(ip)
    for ip in disputed:
        del found[ip]
    return Known(found, frozenset(disputed), node, frozenset(node_ips))


class PodWatch:
    """Tells `changed` what is known of this node, each time that it is something else."""

    def __init__(self, cluster: Cluster, node: str, changed: Callable[[Known], None]) -> None:
        """`run` opens the watch."""
        self.node = node
        self._told: Known | None = None
        self._tell = changed
        query = {"fieldSelector": f"spec.nodeName={node}"}
        self.pods = Collection(cluster, "policy/pods", f"pods of {node}", pods().path, query, project_pod)
        self.pods.changed = self._changed

    async def run(self) -> None:
        """Run the watch until cancelled."""
        await self.pods.run()

    def missing(self) -> str:
        """Why they are not known yet; empty once they are."""
        return self.pods.missing()

    def _changed(self) -> None:
        known = known_by(self.pods, self.node)
        if known != self._told:
            self._told = known
            self._tell(known)


def _addresses(texts: Iterable[object]) -> tuple[str, ...]:
    """Those that are addresses, each once, as sockets report them."""
    found = []
    for text in dict.fromkeys(str(text) for text in texts):
        try:
            address = ip_address(text)
        except ValueError:  # `None`, nothing
            continue
        if not (isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped)):
            found.append(str(address))
    return tuple(found)
