"""What these tests have on each node: a service, and a client that knows of no router."""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from signal import SIGKILL

from tests.charts.release import Release
from tests.cluster.any_cluster import Object
from tests.cluster.controlplane import CommandFailed
from tests.cluster.real.cluster import RealCluster
from tests.cluster.workload import container, service, workload
from tests.e2e_cluster.traffic import Traffic, steady
from tests.e2e_cluster.workloads import client

TIMER_SECONDS = 2.5
"""After which the kernel stops to capture, where nothing renews it."""
ROUTED = "via"


@dataclass(frozen=True, slots=True)
class Side:
    """One node. Both ends are on it, so that no router but its own is on the way."""

    cluster: RealCluster
    mesh: Release
    node: str
    namespace: str

    @property
    def url(self) -> str:
        return f"http://hello.{self.namespace}/"

    def serve(self) -> None:
        """Put both ends there."""
        patient = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 10}
        server = container(readinessProbe=patient | {"failureThreshold": 10})
        made = workload("Deployment", "hello", server, replicas=2, nodeName=self.node)
        self.cluster.apply([made, service("hello"), client(self.node, proxy=False)], self.namespace)

    def wait(self) -> None:
        """Wait until they are ready."""
        self.cluster.wait_ready("deployment", self.namespace, "hello")
        self.cluster.wait_ready("pod", self.namespace, "client")

    def answer(self) -> str:
        """`routed`, `direct`, or why there is no answer."""
        form = "%{http_code} %header{via}"
        argv = ("curl", "-sS", "--max-time", "1", "-o", "/dev/null", "-w", form, self.url)
        try:
            status, _, via = self.cluster.exec(self.namespace, "client", *argv).partition(" ")
        except CommandFailed as error:
            return error.stderr
        return ("routed" if via else "direct") if status == "200" else status

    def routed(self) -> bool:
        return self.answer() == "routed"

    def steady(self) -> AbstractContextManager[Traffic]:
        """A load from the client."""
        return steady(self.cluster, self.namespace, self.url)

    def steady_from_outside(self) -> AbstractContextManager[Traffic]:
        """The same by a process of the machine in the client's network: it needs no kubelet to be heard of."""
        address = self.cluster.get("service", self.namespace, "hello")["spec"]["clusterIP"]
        return steady(Outside(self.cluster), self.namespace, f"http://{address}/")  # type: ignore[arg-type]

    def router(self) -> Object:
        """The router's pod."""
        return self.cluster.get("pod", self.mesh.namespace, self.mesh.routers()[self.node])

    def kill(self, containers: Sequence[str]) -> None:
        """SIGKILL these containers of the router's pod."""
        for each in containers:
            self.cluster.signal_pod(self.mesh.namespace, self.mesh.routers()[self.node], SIGKILL, each)

    def restarts(self) -> dict[str, int]:
        """How often the kubelet has restarted which container of the router's pod."""
        return {each["name"]: each["restartCount"] for each in statuses(self.router())}

    def armed(self) -> bool:
        """Whether connections are captured, as the router says it."""
        try:
            return bool(json.loads(self.mesh.admin(self.node, "/intercept.json"))["armed"])
        except (CommandFailed, ValueError, KeyError):
            return False


def statuses(pod: Object) -> list[Object]:
    """Those of all containers, sidecars among them."""
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


@dataclass(frozen=True, slots=True)
class Outside:
    """Starts a command of the machine in a pod's network, where a cluster starts one in a pod."""

    cluster: RealCluster

    def popen(self, namespace: str, pod: str, *argv: str, container: str | None = None) -> "subprocess.Popen[str]":
        """As `AnyCluster.popen`."""
        command, *rest = argv
        assert command == "python3"
        pipe = subprocess.PIPE
        within = self.cluster.command_beside(namespace, pod)
        return subprocess.Popen([*within, sys.executable, *rest], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
