"""What every cluster of the tests can do, whatever its nodes are: objects by kubectl, and what runs by name.

The nodes are played by processes (`cluster.py`), which is quick, or real ones (`real/cluster.py`). Tests that ask for
no more than this work on both.
"""

import json
import signal
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.controlplane import CommandFailed, ControlPlane
from tests.cluster.lifetime import Lifetime
from tests.cluster.node import namespaces

READY_SECONDS = 150.0
EXEC_SECONDS = 60.0
LOOK_SECONDS = 5.0
"""How often a wait looks whether the nodes are still there."""
POLL_SECONDS = 0.05

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node's name and address."""

    name: str
    address: str


class AnyCluster(Lifetime):
    """A control plane with nodes, while inside its context.

    Attributes:
        kind: what the nodes are, in words.
    """

    kind: str
    control_plane: ControlPlane
    nodes: list[ClusterNode]

    @abstractmethod
    def alive(self) -> bool:
        """Whether the nodes are still there."""

    @abstractmethod
    def tail(self) -> str:
        """The ends of the nodes' logs, for messages."""

    # Objects

    def apply(self, objects: str | Object | Sequence[Object], namespace: str = "default") -> None:
        """Apply YAML, an object or several.

        Raises:
            CommandFailed: the API server refuses; says why.
        """
        if not isinstance(objects, str):
            objects = yaml.safe_dump_all([objects] if isinstance(objects, dict) else objects)
        self.control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=objects)

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """An object.

        Raises:
            CommandFailed: there is none.
        """
        found: Object = json.loads(self.control_plane.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        return found

    def pods(self, namespace: str, selector: str = "") -> list[Object]:
        """The pods with labels such as `app=hello`, by name."""
        found = self.control_plane.kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "json")
        return sorted(json.loads(found)["items"], key=lambda pod: str(pod["metadata"]["name"]))

    def wait_ready(self, kind: str, namespace: str, name: str, seconds: float = READY_SECONDS) -> None:
        """Wait until a Deployment, DaemonSet, StatefulSet or Pod is as it should be.

        Raises:
            TimeoutError: it is not; says what its pods say.
        """
        if kind.lower() in ("pod", "pods"):
            waiting = ["wait", f"pod/{name}", "--for=condition=Ready"]
        else:
            waiting = ["rollout", "status", f"{kind}/{name}"]
        try:
            self.wait([*waiting, "-n", namespace], f"{kind} {namespace}/{name}", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.describe(namespace)}") from error

    def wait(self, waiting: Sequence[str], what: str, seconds: float = READY_SECONDS) -> None:
        """Wait with a command of kubectl that waits.

        Raises:
            TimeoutError: in vain.
        """
        end = time.monotonic() + seconds
        while True:
            left = max(min(end - time.monotonic(), LOOK_SECONDS), 0.1)
            try:
                self.control_plane.kubectl(*waiting, f"--timeout={left:g}s")
                return
            except CommandFailed as error:
                if time.monotonic() > end or not self.alive():
                    raise TimeoutError(f"{what}: {error}\n{self.tail()}") from error
                time.sleep(POLL_SECONDS)

    def describe(self, namespace: str) -> str:
        """The pods of a namespace, with their states and the ends of their logs: for messages."""
        found = []
        for pod in self.pods(namespace):
            name = pod["metadata"]["name"]
            found.append(f"{name}: {json.dumps(pod['status'].get('containerStatuses', pod['status']))}")
            found.append(self.logs(namespace, name)[-1500:])
        return "\n".join(found)

    # Running containers

    @abstractmethod
    def exec(self, namespace: str, pod: str, *argv: str, container: str | None = None, input: str | None = None) -> str:
        """Run a command in a running container, as its user, and answer what it printed.

        Raises:
            CommandFailed: another status than 0.
        """

    @abstractmethod
    def popen(self, namespace: str, pod: str, *argv: str, container: str | None = None) -> "subprocess.Popen[str]":
        """Start a command in a running container, with pipes; the caller ends it, and at the latest the pod does."""

    @abstractmethod
    def kill_pod(self, namespace: str, name: str) -> None:
        """SIGKILL every container of a pod, without a word to anybody; the node restarts them by their policy.

        Returns when their processes have ended, and so their sockets.
        """

    @abstractmethod
    def signal_pod(self, namespace: str, name: str, number: signal.Signals, container: str | None = None) -> None:
        """Send a signal to a container's command, such as SIGSTOP for a pod that hangs."""

    @abstractmethod
    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        """What a pod's containers wrote; nothing where there is none."""

    @abstractmethod
    def beside(self, namespace: str, pod: str, *argv: str) -> str:
        """Run a command of the machine in a pod's network, for images that have no such command.

        Raises:
            CommandFailed: another status than 0.
        """

    # The cluster's network

    @contextmanager
    def network(self, node: str | None = None) -> Iterator[None]:
        """Have this thread make its sockets in the cluster's network (or a node's): nodes, pods and ports are reached.

        For sockets only: what is made inside goes on to work outside, names are still the machine's.
        """
        with namespaces.inside(self._network(node)):
            yield

    def run(self, *argv: str, node: str | None = None) -> str:
        """Run a command of the machine in the cluster's network, or on a node.

        Raises:
            CommandFailed: another status than 0.
        """
        return run([*self.command(node), *argv], argv)

    def command(self, node: str | None = None) -> list[str]:
        """What to put before a command of the machine, so that it runs in the cluster's network, or on a node."""
        return ["nsenter", f"--net={self._network(node)}"]

    @abstractmethod
    def _network(self, node: str | None) -> Path: ...


def run(command: Sequence[str], named: Sequence[str], input: str | None = None) -> str:
    """Run a command and answer what it printed; errors name it as `named`.

    Raises:
        CommandFailed: another status than 0.
    """
    done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=EXEC_SECONDS)
    if done.returncode != 0:
        raise CommandFailed(named, done.returncode, done.stderr, done.stdout)
    return done.stdout


def until(condition: Callable[[], object], seconds: float = READY_SECONDS, *, pause: float = POLL_SECONDS) -> None:
    """Wait, blocking, for what other processes bring about.

    Raises:
        TimeoutError: it did not come.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(pause)
