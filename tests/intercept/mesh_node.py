"""A node with everything real on it: router and keeper as processes, the API server, kube-proxy's rules, pods.

The machine's part is `PodNetwork`; this adds what makes it a node of a cluster. Pods and services are made in the
network, in the API and in kube-proxy's rules by one call each; `without_api` leaves the second to the test.
"""

import http.client
import json
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from noderouter.interception.keeper.client import BlockingKeeperClient
from noderouter.interception.keeper.errors import InterceptError
from tests.cluster import addresses
from tests.cluster.any_cluster import READY_SECONDS, until
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubeconfig import with_token, write_kubeconfig
from tests.cluster.node.namespaces import inside
from tests.intercept.api_link import ApiLink
from tests.intercept.configuration import ADMIN_PORT, DTAB, Settings, configuration, default_dtab
from tests.intercept.daemon import ROUTER_USER, Daemon
from tests.intercept.kube_proxy import Frontend, KubeProxy
from tests.intercept.objects import ACCOUNT, Objects, Port
from tests.intercept.pod import Pod
from tests.testing.pod_network import CAPTURE_PORT, NODE, PodNetwork, dial

FAMILIES = (4, 6)
MARKS = ("10.244.0.250", "fd00:244::fa")
"""Of a pod that is in the API only."""
NO_SETTINGS = Settings()


class Service:
    """A service of both families and where it leads to."""

    def __init__(self, name: str, namespace: str, ports: Sequence[Port], made: dict[str, Any]) -> None:
        self.name = name
        self.namespace = namespace
        self.ports = ports
        self.backends: tuple[Pod, ...] = ()
        ips: list[str] = made["spec"]["clusterIPs"]
        self.addresses = {6 if ":" in ip else 4: ip for ip in ips}
        self.node_ports = {one["name"]: int(one.get("nodePort", 0)) for one in made["spec"]["ports"]}

    @property
    def host(self) -> str:
        """As a client names it."""
        return f"{self.name}.{self.namespace}"

    def frontends(self) -> list[Frontend]:
        """What kube-proxy makes of it."""
        return [
            Frontend(
                address,
                port.number,
                tuple((pod.addresses[version], port.target) for pod in self.backends),
                port.protocol.lower(),
                self.node_ports[port.name],
            )
            for version, address in self.addresses.items()
            for port in self.ports
        ]


class MeshNode:
    """One node; see the fixtures. `space` is the namespace of what is captured."""

    def __init__(self, control_plane: ControlPlane, kind: str, *, addressed: bool = False) -> None:
        self.kind = kind
        self.name = f"node-{secrets.token_hex(3)}"
        self.space = f"shop-{secrets.token_hex(3)}"
        self.folder = Path(tempfile.mkdtemp(prefix="mesh-"))
        self.folder.chmod(0o755)  # the router is another user
        self.network = PodNetwork(self.folder)
        self.objects = Objects(control_plane)
        self.proxy = KubeProxy(self.network, kind)
        self.pods: dict[str, Pod] = {}
        self.services: list[Service] = []
        self.socket = self.folder / "intercept.sock"
        self.router: Daemon
        self.keeper: Daemon
        self._daemons: list[Daemon] = []
        self.api: ApiLink
        self.api_port = control_plane.port
        self._plane = control_plane
        self._addressed = addressed
        self._number = 9

    def start(self) -> None:
        """Everything but router, keeper and pods; `close` is due even if this fails."""
        self.network.start()
        self.network.ip(self.network.outside, f"addr add {addresses.GATEWAY}/32 dev lo")
        self.open_api()
        self.objects.namespace(self.space)
        self.objects.router_account(self.space)
        self.objects.node(self.name, [NODE[4], NODE[6]])
        self.dtab("")
        url = f"https://{addresses.GATEWAY}:{self.api_port}"
        user = with_token(self._plane.token(self.space, ACCOUNT))
        self._kubeconfig = write_kubeconfig(self.folder / "kubeconfig", url, self._plane.ca_file, user, self.space)
        authority = shutil.copy(self._plane.ca_file, self.folder / "ca.pem")
        self._kubeconfig.write_text(self._kubeconfig.read_text().replace(str(self._plane.ca_file), str(authority)))
        for file in (self._kubeconfig, authority):
            shutil.chown(file, ROUTER_USER)
        self.proxied()

    def open_api(self) -> None:
        """Let the API server be reached; `api.close` is an outage."""
        self.api = ApiLink(self.network.outside, addresses.GATEWAY, self.api_port)

    # What runs on the node itself

    def start_router(self, settings: Settings = NO_SETTINGS) -> Daemon:
        """Start a router; its predecessor, if any, is left alone."""
        file = self.folder / "noderouter.json"
        file.write_text(json.dumps(configuration(self.space, self._kubeconfig, self.socket, settings)))
        env = {
            "NODE_NAME": self.name,
            "POD_UID": self.name,
            "POD_NAMESPACE": self.space,
            "POD_IP": NODE[4],
            "HOME": str(self.folder),
        }
        log = self.folder / f"router-{secrets.token_hex(2)}.log"
        log.touch()
        self.router = Daemon(self.network.node, ["run", str(file)], log, user=ROUTER_USER, env=env)
        self._daemons.append(self.router)
        return self.router

    def start_keeper(self, *options: str) -> Daemon:
        """Start a keeper."""
        arguments = ["intercept", "run", "--socket", str(self.socket), "--lock", str(self.folder / "lock")]
        arguments += ["--capture-port", str(CAPTURE_PORT), "--allow-uid", str(ROUTER_USER)]
        arguments += [*(f"--node-ip={NODE[version]}" for version in FAMILIES), *options]
        env = {"KUBERNETES_SERVICE_HOST": addresses.API_CLUSTER_IP}
        self.keeper = Daemon(self.network.node, arguments, self.folder / "keeper.log", env=env)
        self._daemons.append(self.keeper)
        return self.keeper

    def until_armed(self, seconds: float = READY_SECONDS) -> float:
        """Wait until new connections are captured; the moment (monotonic)."""
        try:
            until(lambda: self.status().get("armed"), seconds)
        except TimeoutError as error:
            raise AssertionError(self.describe()) from error
        return time.monotonic()

    def status(self) -> dict[str, Any]:
        """What the keeper says of itself; empty where there is none."""
        with suppress(InterceptError):
            client = BlockingKeeperClient(self.socket)
            try:
                return client.status()
            finally:
                client.close()
        return {}

    def in_force(self) -> None:
        """Wait until the kernel has what the API has now.

        What is watched comes in order, so one more pod and one more service are marks: when they count, all else does.
        """
        name = f"mark-{secrets.token_hex(3)}"
        client = next(pod for pod in self.pods.values() if pod.wanted)
        made = self.objects.service(self.space, name, [Port("mark", 9, 9)])
        self.objects.pod(self.space, name, self.name, MARKS)
        until(lambda: self.status().get("pods") == self.wanted() + len(MARKS))
        until(lambda: _captured(client.place, made["spec"]["clusterIP"], 9))
        self.objects.delete_pod(self.space, name)
        self.objects.delete(f"/api/v1/namespaces/{self.space}/services/{name}")
        until(lambda: self.status().get("pods") == self.wanted())

    def wanted(self) -> int:
        """How many addresses of pods the keeper should have."""
        return sum(len(pod.addresses) for pod in self.pods.values() if pod.wanted)

    def admin(self, path: str) -> str:
        """What the router's admin interface answers, asked on the node."""
        with inside(self.network.node):
            sock = socket.create_connection(("127.0.0.1", ADMIN_PORT), 5)
        connection = http.client.HTTPConnection("127.0.0.1", ADMIN_PORT)
        connection.sock = sock
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def metrics(self) -> dict[str, float]:
        """The router's metrics, flat."""
        found: dict[str, float] = json.loads(self.admin("/metrics.json"))
        return found

    def routed(self) -> float:
        """Requests and flows that the router took from captured connections."""
        ours = f"/{CAPTURE_PORT}/"
        return sum(value for key, value in self.metrics().items() if ours in key and key.endswith("/requests"))

    def dtab(self, more: str) -> None:
        """The chart's dtab with entries at its end, which come first."""
        self.objects.config_map(self.space, DTAB, {DTAB: f"{default_dtab()}\n{more}"})

    # Pods and services

    def add_pod(self, name: str, namespace: str = "", *, like: dict[int, str] | None = None, **keys: Any) -> Pod:
        """A pod that runs; with the addresses of another if `like` is given. `keys` are those of `Objects.pod`."""
        self._number += 0 if like else 1
        ips = like or {4: f"10.244.0.{self._number}", 6: f"fd00:244::{self._number:x}"}
        place = self.network.add_pod(name, ips, addressed=self._addressed)
        pod = self.pods[name] = Pod(name, namespace or self.space, place, ips)
        if not keys.pop("without_api", False):
            self.announce(pod, **keys)
        return pod

    def announce(self, pod: Pod, **keys: Any) -> None:
        """Tell the API of a pod."""
        opted_out = "disabled" in keys.get("annotations", {}).values()
        pod.wanted = pod.namespace == self.space and not keys.get("host_network") and not opted_out
        pod.uid = self.objects.pod(pod.namespace, pod.name, self.name, list(pod.addresses.values()), **keys)

    def add_host_pod(self, name: str, namespace: str = "") -> Pod:
        """A pod on the node's own network."""
        pod = Pod(name, namespace or self.space, self.network.node, dict(NODE))
        self.announce(pod, host_network=True)
        self.pods[name] = pod
        return pod

    def remove_pod(self, pod: Pod, *, without_api: bool = False) -> None:
        """End a pod: its processes, its link and routes, and its object."""
        pod.end()
        del self.pods[pod.name]
        if pod.place != self.network.node:
            self.network.remove_pod(pod.name)
        if not without_api:
            self.objects.delete_pod(pod.namespace, pod.name)

    def add_service(
        self, name: str, ports: Sequence[Port], *backends: Pod, namespace: str = "", named: bool = False, **spec: Any
    ) -> Service:
        """A service that leads to these pods, in the API and in kube-proxy's rules.

        With `named` each has its name as its host name, as the pods of a StatefulSet do.
        """
        made = self.objects.service(namespace or self.space, name, ports, **spec)
        service = Service(name, namespace or self.space, ports, made)
        service.backends = backends
        ips = {version: [pod.addresses[version] for pod in backends] for version in FAMILIES}
        self.objects.slices(service.namespace, name, ports, ips, [pod.name for pod in backends] if named else ())
        self.services.append(service)
        self.proxied()
        return service

    def proxied(self) -> None:
        """Have kube-proxy's rules follow."""
        api = Frontend(addresses.API_CLUSTER_IP, 443, ((addresses.GATEWAY, self.api_port),))
        self.proxy.write([api, *(frontend for service in self.services for frontend in service.frontends())])

    # The end

    def describe(self) -> str:
        """For messages."""
        parts = [f"keeper: {self.status()}"]
        parts += [daemon.words()[-3000:] for daemon in self._daemons[-4:]]
        return "\n".join(parts)

    def close(self) -> None:
        """End everything."""
        for daemon in self._daemons:
            daemon.kill()
        for pod in self.pods.values():
            pod.end()
        if hasattr(self, "api"):
            self.api.close()
        self.network.close()
        self.objects.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def mesh_node(control_plane: ControlPlane, kind: str, *, addressed: bool = False) -> Iterator[MeshNode]:
    """A node while inside."""
    node = MeshNode(control_plane, kind, addressed=addressed)
    try:
        node.start()
        yield node
    finally:
        node.close()


def _captured(place: Path, address: str, port: int) -> bool:
    """Whether a connection to a service without endpoints is taken: by the router, since there is nobody else."""
    try:
        dial(place, address, port, 0.2).close()
    except OSError:
        return False
    return True
