"""One node: its first process, and the daemons that run inside: containerd, kubelet, kube-proxy.

A node is a mount, a PID and a network namespace, so that a container's files, processes and rules are where a kubelet
and its plug-ins look for them, and end with the node's first process, whatever ends that.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.process import Process
from tests.cluster.real import reaper, store
from tests.cluster.real.settings import NodeFiles, write_cni, write_containerd, write_kubelet, write_proxy

INIT = Path(__file__).with_name("node.sh")
STARTED_SECONDS = 180.0
COMMAND_SECONDS = 120.0
HEALTH_PORT = 10248
"""A kubelet's, on the node's loopback."""
CONTROLLERS_OF_V1 = ("cpuset.cpus", "cpuset.mems")


class RealNode:
    """A node; `enter` is what comes before a command to be run in its network."""

    def __init__(self, files: NodeFiles, enter: Sequence[str]) -> None:
        self.files = files
        self._init = Process(
            f"{files.name} init",
            [*enter, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", INIT, files.folder],
            files.folder / "init.log",
        )
        self._containerd: Process | None = None
        self._kubelet: Process | None = None
        self._proxy: Process | None = None

    def __repr__(self) -> str:
        return f"<RealNode {self.files.name} {self.files.address}>"

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self._init.running

    def begin(self, images: Path) -> None:
        """Start the first process and containerd; `images` is what `store.prepared` made."""
        make_group(self.files.group)
        write_cni(self.files)
        store.copy(images, self.files.folder / "containerd")
        self._init.start()
        self._init.wait((self.files.folder / "begun").exists, STARTED_SECONDS)
        self._containerd = self._daemon("containerd", "containerd", "--config", write_containerd(self.files))
        self._kubelet = self._daemon(
            "kubelet",
            binaries.find("kubelet"),
            f"--config={write_kubelet(self.files)}",
            f"--kubeconfig={self.files.kubeconfig}",
            f"--node-ip={self.files.address}",
            f"--hostname-override={self.files.name}",
        )
        self._proxy = self._daemon("kube-proxy", binaries.find("kube-proxy"), f"--config={write_proxy(self.files)}")
        self.start_containerd()

    def start_containerd(self) -> None:
        """Start containerd, and wait until it answers."""
        assert self._containerd is not None
        self._containerd.start()
        self._containerd.wait(self._answers, STARTED_SECONDS)

    def start(self) -> None:
        """Start kubelet and kube-proxy; they register the node."""
        for daemon in (self._kubelet, self._proxy):
            assert daemon is not None
            daemon.start()

    def restart(self) -> None:
        """Restart all daemons, as an upgrade of the node's packages does; containers run on."""
        for daemon in (self._kubelet, self._proxy, self._containerd):
            assert daemon is not None
            daemon.stop()
        self.start_containerd()
        self.start()
        assert self._kubelet is not None
        self._kubelet.wait(self._healthy, STARTED_SECONDS)

    def close(self) -> None:
        """End it and all that runs on it."""
        for daemon in (self._kubelet, self._proxy, self._containerd, self._init):
            if daemon is not None:
                daemon.stop()

    # What runs on it

    def ctr(self, *args: str) -> str:
        """Run containerd's own command in the kubelet's namespace.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        return self.run("ctr", "--namespace", "k8s.io", *args)

    def run(self, *argv: str) -> str:
        """Run a command of the machine on the node, with the node's files and processes.

        Raises:
            subprocess.CalledProcessError: another status than 0.
        """
        done = subprocess.run([*self.command(), *argv], capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
        return done.stdout

    def command(self) -> list[str]:
        """What to put before a command of the machine, so that it runs on the node."""
        return ["nsenter", f"--target={self.init()}", "--mount", "--pid", "--net"]

    def init(self) -> int:
        """The node's first process, by the number it has here."""
        return children(self._init.pid)[0]

    def pid(self, container: str) -> int:
        """A container's first process, by the number it has on the node.

        Raises:
            LookupError: it does not run.
        """
        running = self._running()
        if container not in running:
            raise LookupError(f"{container} does not run on {self.files.name}")
        return running[container]

    def runs(self, container: str) -> bool:
        """Whether a container's first process has not ended."""
        return container in self._running()

    def _running(self) -> dict[str, int]:
        tasks = [line.split() for line in self.ctr("tasks", "ls").splitlines()[1:]]
        return {name: int(pid) for name, pid, status in tasks if status == "RUNNING"}

    def tail(self) -> str:
        """The ends of the daemons' logs."""
        daemons = [self._init, self._containerd, self._kubelet, self._proxy]
        return "\n".join(daemon.tail() for daemon in daemons if daemon is not None)

    def _daemon(self, name: str, *argv: str | Path) -> Process:
        env = {**os.environ, **binaries.GO_SERVER}
        return Process(f"{self.files.name} {name}", [*self.command(), *argv], self.files.folder / f"{name}.log", env)

    def _healthy(self) -> bool:
        try:
            return self.run("curl", "-fsS", f"http://127.0.0.1:{HEALTH_PORT}/healthz") == "ok"
        except subprocess.CalledProcessError:
            return False

    def _answers(self) -> bool:
        try:
            self.ctr("version")
        except subprocess.CalledProcessError:
            return False
        return True


def children(pid: int) -> list[int]:
    """The processes that a process has started, by the numbers they have here."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def make_group(name: str) -> None:
    """Make a node's control group; in version 1 each level of `cpuset` has to be told what it has."""
    root = reaper.CONTROLLERS
    tops = [root] if (root / "cgroup.controllers").exists() else [each for each in root.iterdir() if each.is_dir()]
    for top in tops:
        group = top
        for part in name.strip("/").split("/"):
            parent, group = group, group / part
            group.mkdir(exist_ok=True)
            for setting in CONTROLLERS_OF_V1:
                if (parent / setting).exists():
                    (group / setting).write_text((parent / setting).read_text())
