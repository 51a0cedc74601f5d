"""A cluster of real nodes: kubelet, containerd, runc, CNI plug-ins, kube-proxy, scheduler, in network namespaces.

 the machine ── bridge (lan.py): etcd, API server, controllers, scheduler, DNS
                   ├── node-1: its own files, processes and network; kube-proxy with nftables
                   └── node-2: the same; kube-proxy with iptables

Everything ends with the tests, also where they are killed: processes with the namespaces that they are in, files and
control groups by `reaper.py`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.cluster import addresses
from tests.cluster.any_cluster import AnyCluster, ClusterNode, Object, run, until
from tests.cluster.binaries import find
from tests.cluster.cluster import CHECKOUT
from tests.cluster.components import scheduler
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubeconfig import with_certificate, write_kubeconfig
from tests.cluster.process import Process
from tests.cluster.real import store
from tests.cluster.real.node import RealNode, children
from tests.cluster.real.settings import NodeFiles

STARTED_SECONDS = 180.0
PROXY_MODES = ("nftables", "iptables")
"""Of the nodes, in turn."""

DNS_SERVICE = {"name": "kube-dns", "namespace": "kube-system"}


class RealCluster(AnyCluster):
    """A control plane with real nodes, while inside its context; `archives` are of the images that nodes have."""

    kind = "real nodes: kubelet, containerd, kube-proxy"

    def __init__(self, archives: Sequence[Path], nodes: int = 2) -> None:
        """Starts nothing yet.

        Raises:
            MissingCommand: not everything is built.
        """
        for name in ("kubelet", "kube-proxy", "kube-scheduler"):
            find(name)
        self.folder = Path(tempfile.mkdtemp(prefix="real-"))
        self.nodes = [ClusterNode(f"node-{n}", addresses.node_address(n)) for n in range(1, nodes + 1)]
        self.group = f"/noderouter-tests-{self.folder.name}"
        self.archives = archives
        self._running = ExitStack()
        isolation = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._lan = Process(
            "lan",
            [*isolation, sys.executable, "-m", "tests.cluster.real.lan", self.folder],
            self.folder / "lan.log",
            {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
        )
        self.real: dict[str, RealNode] = {}

    def __repr__(self) -> str:
        return f"<RealCluster {list(self.real.values())}>"

    def start(self) -> None:
        """See `Lifetime`."""
        reaper = [sys.executable, "-m", "tests.cluster.real.reaper", str(self.folder), self.group.strip("/")]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        # Leaving the context closes the pipe that the reaper waits for, and waits for the reaper.
        self._running.enter_context(
            subprocess.Popen(reaper, stdin=subprocess.PIPE, start_new_session=True, env=environment)
        )
        (self.folder / "nodes").write_text(json.dumps([node.name for node in self.nodes]))
        self._running.callback(self._lan.stop)
        self._lan.start()
        self._lan.wait((self.folder / "laid").exists, STARTED_SECONDS)
        plane = self.folder / "plane"
        plane.mkdir()
        self.control_plane = ControlPlane(self._network(None), plane)
        self._running.callback(self.control_plane.close)
        images = store.prepared(self.archives)
        with ThreadPoolExecutor() as together:
            begun = [together.submit(self._begin, number, images) for number in range(1, len(self.nodes) + 1)]
            self.control_plane.start()
            settings = self.folder / "settings.new"
            admin = self.control_plane.admin
            client = [str(admin.certificate), str(admin.key)]
            settings.write_text(json.dumps([self.control_plane.url, str(self.control_plane.ca_file), client]))
            settings.rename(self.folder / "settings.json")
            self._run_scheduler()
            self._name_dns()
            self.real = {node.name: each.result() for node, each in zip(self.nodes, begun, strict=True)}
        for node in self.nodes:
            self.wait_node(node.name)

    def close(self) -> None:
        """End all that runs, and wait until nothing is left."""
        self._running.close()

    def _begin(self, number: int, images: Path) -> RealNode:
        node = RealNode(self._files(number), self.command(f"node-{number}"))
        self._running.callback(node.close)
        node.begin(images)
        node.start()
        return node

    def _files(self, number: int) -> NodeFiles:
        name = f"node-{number}"
        folder = self.folder / name
        folder.mkdir()
        plane = self.control_plane

        def kubeconfig(user: str, group: str) -> Path:
            pair = plane.authority.client(f"{user}:{name}", [group])
            return write_kubeconfig(folder / user, plane.url, plane.ca_file, with_certificate(pair))

        return NodeFiles(
            name=name,
            number=number,
            folder=folder,
            group=f"{self.group}/{name}",
            authority=plane.ca_file,
            kubeconfig=kubeconfig("system:node", "system:nodes"),
            proxy_kubeconfig=kubeconfig("system:kube-proxy", "system:node-proxiers"),
            proxy_mode=PROXY_MODES[(number - 1) % len(PROXY_MODES)],
        )

    def _run_scheduler(self) -> None:
        plane = self.control_plane
        argv = [*plane.enter, str(find("kube-scheduler")), *scheduler(plane.admin_kubeconfig)]
        process = Process("kube-scheduler", argv, self.folder / "kube-scheduler.log")
        self._running.callback(process.stop)
        process.start()

    def _name_dns(self) -> None:
        """The address that pods ask for names leads to the lan's DNS, and kube-proxy may read what it needs."""
        port = {"name": "dns", "port": 53, "protocol": "UDP"}
        slice_ = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**DNS_SERVICE, "labels": {"kubernetes.io/service-name": DNS_SERVICE["name"]}},
            "addressType": "IPv4",
            "ports": [port],
            "endpoints": [{"addresses": [addresses.GATEWAY], "conditions": {"ready": True}}],
        }
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": DNS_SERVICE,
            "spec": {"clusterIP": addresses.DNS_CLUSTER_IP, "ports": [port]},
        }
        proxies = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "tests:node-proxiers"},
            "subjects": [{"kind": "Group", "name": "system:node-proxiers", "apiGroup": "rbac.authorization.k8s.io"}],
            "roleRef": {"kind": "ClusterRole", "name": "system:node-proxier", "apiGroup": "rbac.authorization.k8s.io"},
        }
        self.apply([service, slice_, proxies], "kube-system")

    def wait_node(self, name: str) -> None:
        """Wait until a node is ready.

        Raises:
            TimeoutError: it is not; says what its daemons say.
        """
        self.wait(["wait", f"node/{name}", "--for=condition=Ready"], f"node {name}", STARTED_SECONDS)

    # See `AnyCluster`

    def alive(self) -> bool:
        """See `AnyCluster`, here and below."""
        return self._lan.running and all(node.running for node in self.real.values())

    def tail(self) -> str:
        return "\n".join(node.tail() for node in self.real.values())

    def exec(self, namespace: str, pod: str, *argv: str, container: str | None = None, input: str | None = None) -> str:
        """Through API server and kubelet, as `kubectl exec` does."""
        given = ["-i"] if input is not None else []
        chosen = ["-c", container] if container else []
        return self.control_plane.kubectl("exec", *given, "-n", namespace, pod, *chosen, "--", *argv, input=input)

    def popen(self, namespace: str, pod: str, *argv: str, container: str | None = None) -> "subprocess.Popen[str]":
        chosen = ["-c", container] if container else []
        return self.control_plane.popen("exec", "-i", "-n", namespace, pod, *chosen, "--", *argv)

    def kill_pod(self, namespace: str, name: str) -> None:
        node = self.node_of(namespace, name)
        for container in self._containers(namespace, name).values():
            self._kill(namespace, name, container, signal.SIGKILL)
            until(lambda: not node.runs(container))

    def signal_pod(self, namespace: str, name: str, number: signal.Signals, container: str | None = None) -> None:
        self._kill(namespace, name, self._container(namespace, name, container), number)

    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        chosen = ["-c", container] if container else ["--all-containers"]
        try:
            return self.control_plane.kubectl("logs", "-n", namespace, pod, *chosen)
        except Exception as error:
            return str(error)

    def beside(self, namespace: str, pod: str, *argv: str) -> str:
        return run([*self.command_beside(namespace, pod), *argv], argv)

    # What is particular to real nodes

    def command_beside(self, namespace: str, pod: str) -> list[str]:
        """What to put before a command of the machine, so that it runs in a pod's network."""
        node = self.node_of(namespace, pod)
        [container, *_] = self._containers(namespace, pod).values()
        files = node.command()[:-1]  # the node's mounts and processes, but not its network
        return [*files, "nsenter", f"--net=/proc/{node.pid(container)}/ns/net"]

    def node_of(self, namespace: str, pod: str) -> RealNode:
        """The node that a pod is on."""
        return self.real[self.get("pod", namespace, pod)["spec"]["nodeName"]]

    def _kill(self, namespace: str, pod: str, container: str, number: signal.Signals) -> None:
        self.node_of(namespace, pod).ctr("tasks", "kill", "--signal", str(number.value), container)

    def _containers(self, namespace: str, pod: str) -> dict[str, str]:
        """What runs in a pod: names and containerd's ids."""
        status: Object = self.get("pod", namespace, pod)["status"]
        found = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
        return {
            each["name"]: each["containerID"].partition("://")[2]
            for each in found
            if "running" in each.get("state", {})
        }

    def _container(self, namespace: str, pod: str, name: str | None) -> str:
        running = self._containers(namespace, pod)
        if name is None and running:
            return next(iter(running.values()))
        if name not in running:
            raise LookupError(f"{namespace}/{pod} has no running container {name or ''}; running: {running}")
        return running[name]

    def _network(self, node: str | None) -> Path:
        [init] = children(self._lan.pid)
        return Path(f"/proc/{init}/root{self.folder}/networks/{node or 'cluster'}")


def missing() -> str | None:
    """Why there can be no real nodes here; None where there can."""
    if os.geteuid() != 0:
        return "containers need root"
    commands = ("containerd", "ctr", "runc", "ip", "nft", "iptables", "nsenter", "unshare", "setpriv", "conntrack")
    lacking = [name for name in commands[:-1] if shutil.which(name) is None]
    if lacking:
        return f"real nodes need {', '.join(lacking)} (Debian: containerd runc iproute2 nftables iptables util-linux)"
    if not any(Path(folder, "bridge").exists() for folder in ("/usr/lib/cni", "/opt/cni/bin")):
        return "real nodes need CNI plug-ins (Debian: containernetworking-plugins)"
    return None
