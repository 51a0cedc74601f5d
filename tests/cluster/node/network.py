"""The wires of a cluster: a bridge that all nodes are on, and for each pod a pair of ends and a route.

    cluster ── bridge lan (the gateway) ──┬── eth0 node 1 ──┬── pod
                                          └── eth0 node 2   └── pod      each box is a network namespace

A pod's end has its address, the node's end a route to it: everything a pod sends, even to a pod beside it, is routed by
the node and sees its rules, as with the `ptp` plugin of CNI.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.cluster import addresses
from tests.cluster.node import namespaces

MTU = 1500


async def configure(namespace: Path, *lines: str) -> None:
    """Run lines of `ip` in a namespace.

    Raises:
        OSError: one of them failed; says which and why.
    """
    argv = ["nsenter", f"--net={namespace}", "ip", "-batch", "-"]
    text = "\n".join(lines).encode()
    done = await trio.run_process(argv, stdin=text, capture_stdout=True, capture_stderr=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip in {namespace.name}: {done.stderr.decode()}\n{text.decode()}")


@dataclass(frozen=True, slots=True)
class NodeNetwork:
    """A node's namespace and addresses."""

    name: str
    number: int
    path: Path

    @property
    def address(self) -> str:
        """The node's own address."""
        return addresses.node_address(self.number)

    @property
    def prefix(self) -> str:
        """The first three bytes of its pods' addresses."""
        return addresses.pod_prefix(self.number)

    @property
    def cidr(self) -> str:
        """The addresses of its pods."""
        return f"{self.prefix}.0/24"

    @property
    def gateway(self) -> str:
        """The node as its pods see it."""
        return f"{self.prefix}.1"


@dataclass
class Wiring:
    """All namespaces of a cluster, below one folder."""

    folder: Path
    nodes: list[NodeNetwork] = field(default_factory=list)

    @property
    def cluster(self) -> Path:
        """The namespace with the bridge: whoever is in it reaches every node and pod."""
        return self.folder / "cluster"

    async def lay(self, names: Sequence[str]) -> None:
        """Make the bridge and the nodes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        namespaces.create(self.cluster)
        namespaces.set_sysctl(self.cluster, "ipv4/ip_forward", "1")
        length = addresses.NODE_NETWORK.partition("/")[2]
        await configure(
            self.cluster,
            "link set lo up",
            f"link add lan mtu {MTU} type bridge",
            f"address add {addresses.GATEWAY}/{length} dev lan",
            "link set lan up",
        )
        for number, name in enumerate(names, start=1):
            self.nodes.append(NodeNetwork(name, number, self.folder / name))
        for node in self.nodes:
            await self._lay_node(node, length)
        for node in self.nodes:
            others = [other for other in self.nodes if other is not node]
            await configure(node.path, *(f"route add {other.cidr} via {other.address}" for other in others))

    async def _lay_node(self, node: NodeNetwork, length: str) -> None:
        namespaces.create(node.path)
        namespaces.set_sysctl(node.path, "ipv4/ip_forward", "1")
        end = f"node{node.number}"
        await configure(
            self.cluster,
            f"link add {end} mtu {MTU} type veth peer name eth0 netns {node.path}",
            f"link set {end} master lan up",
            f"route add {node.cidr} via {node.address}",
        )
        await configure(
            node.path,
            "link set lo up",
            f"address add {node.address}/{length} dev eth0",
            "link set eth0 up",
            f"route add default via {addresses.GATEWAY}",
            # A pod that is gone: at once, as on a node with a bridge. Where there is one, its own route comes first.
            f"route add unreachable {node.cidr} metric 1000",
        )

    async def attach(self, node: NodeNetwork, name: str, address: str) -> Path:
        """Make a pod's namespace with an address, on a node; answers its path."""
        path = self.folder / f"pod-{name}"
        namespaces.create(path)
        namespaces.set_sysctl(path, "ipv4/ip_unprivileged_port_start", "0")  # as container runtimes do
        end = f"veth{address.rpartition('.')[2]}"
        await configure(
            node.path,
            f"link add {end} mtu {MTU} type veth peer name eth0 netns {path}",
            f"address add {node.gateway}/32 dev {end}",
            f"link set {end} up",
            f"route add {address}/32 dev {end} src {node.address}",
        )
        await configure(
            path,
            "link set lo up",
            f"address add {address}/32 dev eth0",
            "link set eth0 up",
            f"route add {node.gateway}/32 dev eth0 scope link",
            f"route add default via {node.gateway} src {address}",
        )
        return path

    async def detach(self, node: NodeNetwork, name: str, address: str) -> None:
        """Take a pod's namespace away, and with it its ends."""
        end = f"veth{address.rpartition('.')[2]}"
        try:
            await configure(node.path, f"link delete {end}")
        finally:
            namespaces.remove(self.folder / f"pod-{name}")


class Addresses:
    """The addresses of a node's pods, handed out in turn so that one is not soon used again.

    Raises:
        OSError: all 253 are taken.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: set[str] = set()
        self._last = 1

    def take(self) -> str:
        """The next free address."""
        for _ in range(253):
            self._last = self._last + 1 if self._last < 254 else 2
            address = f"{self._prefix}.{self._last}"
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise OSError(f"no free pod address in {self._prefix}.0/24")

    def release(self, address: str) -> None:
        """Give one back."""
        self._taken.discard(address)
