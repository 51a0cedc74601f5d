"""Nodes for a control plane, and what tests do with what runs on them.

The nodes are one process (`tests/cluster/node`) in mount and PID namespaces of its own; this is its handle. Most of
what one wants to know needs no API server: pods are found by the folders that the nodes keep, so `exec`, `kill_pod` and
`logs` work during an outage, too.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import addresses
from tests.cluster.any_cluster import AnyCluster, ClusterNode, run
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node.action import LAUNCH
from tests.cluster.node.image import Image, Images
from tests.cluster.process import Process

CHECKOUT = Path(__file__).resolve().parents[2]
STARTED_SECONDS = 180.0
ROUTER_USER = 65532
KILL_AND_WAIT = "kill -KILL $1 && while kill -0 $1 2>/dev/null; do sleep 0.005; done"
"""A signal has not been acted upon when it has been sent, on a machine that is busy least of all."""


def images() -> Images:
    """What tests run: this checkout's noderouter and its Python; everything else by `command`."""
    scripts = str(Path(sys.executable).parent)
    visible = {str(CHECKOUT), sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)}
    named = {
        "noderouter": Image((f"{scripts}/noderouter",), user=ROUTER_USER),
        "python": Image((sys.executable,), env={"PYTHONUNBUFFERED": "1"}),
    }
    return Images(named, (scripts,), tuple(sorted(visible)))


class Cluster(AnyCluster):
    """A control plane with nodes that are played, while inside its context."""

    kind = "nodes played by processes"

    def __init__(self, control_plane: ControlPlane, nodes: int = 2, known: Images | None = None) -> None:
        self.control_plane = control_plane
        self.nodes = [ClusterNode(f"node-{n}", addresses.node_address(n)) for n in range(1, nodes + 1)]
        self.folder = Path(tempfile.mkdtemp(prefix="nodes-", dir=control_plane.folder))
        self._images = known or images()
        self._process = Process("nodes", self._argv(), self.folder / "nodes.log", env=self._env())

    def __repr__(self) -> str:
        return f"<Cluster {len(self.nodes)} nodes {self._process!r}>"

    def start(self) -> None:
        """See `Lifetime`."""
        self._process.start()
        self._process.wait((self.folder / "ready").exists, STARTED_SECONDS)

    def close(self) -> None:
        """End all pods at once and take the nodes away."""
        self._process.stop()
        for node in self.nodes:
            try:
                self.control_plane.request("DELETE", f"/api/v1/nodes/{node.name}")
            except OSError:
                pass

    def _argv(self) -> list[str]:
        settings = self.folder / "settings.json"
        admin, server = self.control_plane.admin, self.control_plane.server
        content = {
            "folder": str(self.folder),
            "port": self.control_plane.port,
            "authority": str(self.control_plane.ca_file),
            "client": [str(admin.certificate), str(admin.key)],
            "server": [str(server.certificate), str(server.key)],
            "nodes": [node.name for node in self.nodes],
            "images": self._images.to_json(),
        }
        settings.write_text(json.dumps(content))
        isolation = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return [*isolation, sys.executable, "-m", "tests.cluster.node", str(settings)]

    @staticmethod
    def _env() -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}

    def alive(self) -> bool:
        """See `AnyCluster`."""
        return self._process.running

    def tail(self) -> str:
        """See `AnyCluster`."""
        return self._process.tail()

    # Running containers

    def exec(self, namespace: str, pod: str, *argv: str, container: str | None = None, input: str | None = None) -> str:
        """Run a command in a running container, as its user, and answer what it printed.

        Raises:
            CommandFailed: another status than 0.
        """
        return run(self._in_container(namespace, pod, container, argv), argv, input)

    def beside(self, namespace: str, pod: str, *argv: str) -> str:
        """See `AnyCluster`."""
        return self.exec(namespace, pod, *argv)  # a pod has the machine's commands

    def popen(self, namespace: str, pod: str, *argv: str, container: str | None = None) -> "subprocess.Popen[str]":
        """Start a command in a running container, with pipes; the caller ends it, and at the latest the pod does."""
        command = self._in_container(namespace, pod, container, argv)
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def kill_pod(self, namespace: str, name: str) -> None:
        """See `AnyCluster`."""
        for folder in self._containers(namespace, name):
            pid = (folder / "pid").read_text()
            subprocess.run([*self._enter(), "sh", "-c", KILL_AND_WAIT, "sh", pid], check=True)

    def signal_pod(self, namespace: str, name: str, number: signal.Signals, container: str | None = None) -> None:
        """Send a signal to a container's command, such as SIGSTOP for a pod that hangs."""
        pid = (self._container(namespace, name, container) / "pid").read_text()
        subprocess.run([*self._enter(), "kill", f"-{number.value}", pid], check=True)

    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        """What a pod's containers wrote, over restarts; also after its end."""
        found = [folder / "log" for folder in self._folders(namespace, pod)]
        files = [log for log in found if log.exists() and container in (None, log.parent.name)]
        return "".join(log.read_text(errors="replace") for log in files)

    def events(self, namespace: str, pod: str) -> str:
        """What the node did to a pod's containers: probes that changed their verdict, preStop."""
        found = [folder / "events" for folder in self._folders(namespace, pod)]
        return "".join(file.read_text() for file in found if file.exists())

    def _folders(self, namespace: str, pod: str) -> list[Path]:
        """The folders of a pod's containers: of the newest pod, if several had the name."""
        found = sorted(self.folder.glob(f"pods/{namespace}_{pod}_*"), key=lambda path: path.stat().st_ctime)
        return sorted(path.parent for path in found[-1].glob("*/spec.json")) if found else []

    def _containers(self, namespace: str, pod: str) -> list[Path]:
        return [folder for folder in self._folders(namespace, pod) if (folder / "pid").exists()]

    def _container(self, namespace: str, pod: str, name: str | None) -> Path:
        running = self._containers(namespace, pod)
        for folder in running:
            if name in (None, folder.name):
                return folder
        raise LookupError(f"{namespace}/{pod} has no running container {name or ''}; running: {running}")

    def _in_container(self, namespace: str, pod: str, name: str | None, argv: Sequence[str]) -> list[str]:
        folder = self._container(namespace, pod, name)
        return [*self._enter(), sys.executable, "-I", "-S", str(LAUNCH), "exec", str(folder), "--", *argv]

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self._init()}", "--mount", "--pid"]

    def _init(self) -> int:
        """The nodes' process, which is PID 1 to its children, by the number it has here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def _network(self, node: str | None) -> Path:
        return Path(f"/proc/{self._init()}/root{self.folder}/networks/{node or 'cluster'}")
