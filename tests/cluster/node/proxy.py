"""kube-proxy and the host ports, as one nftables table per node that is replaced whole whenever something changes.

A new connection to a cluster IP goes to one of the ready endpoints, evenly; to a Service without any it is refused;
to a host port it goes to the pod. Sources are kept, except where a pod reaches itself. Not here: NodePort, load
balancers, session affinity, IPv6, and host ports on the node's loopback.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import trio

from tests.cluster.node.api import Informer, Key, Object
from tests.cluster.node.kubelet import Kubelet

SETTLE_SECONDS = 0.02
"""Changes that come together are applied together."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a cluster IP, and where it leads."""

    ip: str
    protocol: str
    port: int
    endpoints: tuple[tuple[str, int], ...]

    @property
    def match(self) -> str:
        """The packets that it is about."""
        return f"ip daddr {self.ip} {self.protocol} dport {self.port}"


def table(services: Iterable[ServicePort], host_ports: Iterable[tuple[str, int, str, int]], pods: Iterable[str]) -> str:
    """The rules of a node; `host_ports` are protocol, port, pod's address and port."""
    translate, refuse = [], []
    for service in services:
        if not service.endpoints:
            refuse.append(f"{service.match} reject")
            continue
        choices = ", ".join(f"{number} : {ip} . {port}" for number, (ip, port) in enumerate(service.endpoints))
        translate.append(f"{service.match} dnat to numgen random mod {len(service.endpoints)} map {{ {choices} }}")
    for protocol, port, ip, target in host_ports:
        translate.append(f"fib daddr type local {protocol} dport {port} dnat to {ip}:{target}")
    hairpin = [f"ip saddr {ip} ip daddr {ip} ct status dnat masquerade" for ip in pods]
    chains = {
        "prerouting": ("nat", "prerouting priority dstnat", translate),
        "output": ("nat", "output priority -100", translate),
        "postrouting": ("nat", "postrouting priority srcnat", hairpin),
        "forward": ("filter", "forward priority filter", refuse),
        "local": ("filter", "output priority filter", refuse),
    }
    lines = ["table ip services {}", "delete table ip services", "table ip services {"]
    for name, (kind, hook, rules) in chains.items():
        lines += [f"chain {name} {{ type {kind} hook {hook};", *rules, "}"]
    return "\n".join([*lines, "}"]) + "\n"


class Proxy:
    """Keeps the tables of all nodes."""

    def __init__(self, services: Informer, slices: Informer, kubelets: list[Kubelet]) -> None:
        self._services = services
        self._slices = slices
        self._kubelets = kubelets
        self._changed = trio.Event()
        self._applied: dict[str, str] = {}
        for informer in (services, slices):
            informer.subscribe(lambda _old, _new: self._changed.set())

    async def run(self) -> None:
        """Apply changes for ever."""
        await self._services.listed.wait()
        await self._slices.listed.wait()
        async with trio.open_nursery() as nursery:
            for kubelet in self._kubelets:
                nursery.start_soon(self._watch_pods, kubelet)
            while True:
                await trio.sleep(SETTLE_SECONDS)
                self._changed = trio.Event()
                for kubelet in self._kubelets:
                    await self._apply(kubelet)
                await self._changed.wait()

    async def _watch_pods(self, kubelet: Kubelet) -> None:
        while True:
            await kubelet.changed.wait()
            kubelet.changed = trio.Event()
            self._changed.set()

    async def _apply(self, kubelet: Kubelet) -> None:
        name = kubelet.node.network.name
        pods = [pod for pod in kubelet.pods.values() if not pod.host_network]
        ports = [(kind, host, pod.facts.pod_ip, port) for pod in pods for kind, host, port in pod.host_ports]
        text = table(self._ports(name), ports, [pod.facts.pod_ip for pod in pods])
        if self._applied.get(name) == text:
            return
        argv = ["nsenter", f"--net={kubelet.node.network.path}", "nft", "-f", "-"]
        done = await trio.run_process(argv, stdin=text.encode(), capture_stderr=True, check=False)
        if done.returncode != 0:
            raise OSError(f"nft on {name}: {done.stderr.decode()}\n{text}")
        self._applied[name] = text

    def _ports(self, node: str) -> Iterator[ServicePort]:
        slices: dict[Key, list[Object]] = {}
        for found in self._slices.objects.values():
            owner = found["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
            slices.setdefault((found["metadata"]["namespace"], owner), []).append(found)
        for key, service in sorted(self._services.objects.items()):
            ip = service["spec"].get("clusterIP", "None")
            if ip in ("None", "") or ":" in ip:
                continue
            local = service["spec"].get("internalTrafficPolicy") == "Local"
            for port in service["spec"].get("ports", []):
                name = port.get("name", "")
                found_here = endpoints(slices.get(key, []), name, node if local else None)
                yield ServicePort(ip, port.get("protocol", "TCP").lower(), port["port"], tuple(sorted(found_here)))


def endpoints(slices: Iterable[Object], port_name: str, node: str | None) -> Iterator[tuple[str, int]]:
    """The ready addresses of a port in slices, or only those on a node."""
    for found in slices:
        numbers = [port["port"] for port in found.get("ports") or [] if (port.get("name") or "") == port_name]
        for endpoint in found.get("endpoints") or []:
            ready = endpoint.get("conditions", {}).get("ready", True)
            if found["addressType"] == "IPv4" and ready and node in (None, endpoint.get("nodeName")):
                for number in numbers:
                    yield endpoint["addresses"][0], number
