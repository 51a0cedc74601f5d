"""A node of its own for keepers and their routers, which are processes."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from noderouter.interception.keeper.client import BlockingKeeperClient
from tests.cluster.any_cluster import until
from tests.cluster.node.namespaces import inside
from tests.testing.pod_network import CAPTURE_PORT, NODE, SERVICE, PodNetwork, who

KINDS = ("nftables", "iptables-nft", "iptables-legacy")
ROOT = Path(__file__).resolve().parents[4]


class Node:
    """A node without a listener at the capture port; starts keepers and routers on it."""

    def __init__(self, network: PodNetwork, folder: Path, mode: str, stack: ExitStack) -> None:
        self.network = network
        self.client = network.pods["client"]
        self.socket = folder / "intercept.sock"
        self._folder = folder
        self._mode = mode
        self._stack = stack

    def keeper(
        self, *options: str, name: str = "", log: int | None = None, before: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start one by the command `before`; its log is where `log` reads it, or goes to a descriptor."""
        arguments = [
            "run",
            "--mode",
            self._mode,
            "--capture-port",
            str(CAPTURE_PORT),
            "--lock",
            str(self._folder / "lock"),
        ]
        arguments += [
            "--socket",
            str(self._path(name)),
            *(f"--node-ip={NODE[version]}" for version in (4, 6)),
            *options,
        ]
        command = [*before, sys.executable, "-m", "noderouter.cli", "intercept", *arguments]
        return self._started(command, name or "keeper", log)

    def router(self, name: str = "", who: str = "router") -> subprocess.Popen[str]:
        """Start one, and wait until it is armed."""
        process = self._started([sys.executable, "-m", "tests.testing.told_router", str(self._path(name)), who], who)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", self.log(who)
        return process

    def keeper_client(self, name: str = "") -> BlockingKeeperClient:
        """A conversation; ends with the test."""
        until(lambda: self._path(name).exists())
        client = BlockingKeeperClient(self._path(name))
        self._stack.callback(client.close)
        return client

    def status(self, name: str = "") -> dict[str, object]:
        """What a keeper says of itself."""
        client = BlockingKeeperClient(self._path(name))
        try:
            return client.status()
        finally:
            client.close()

    def answers(self, version: int = 4) -> str:
        """Who answers the pod."""
        return who(self.client, SERVICE[version])

    def log(self, name: str = "keeper") -> str:
        """What a process wrote."""
        return (self._folder / f"{name}.log").read_text()

    def events(self, name: str = "keeper") -> list[str]:
        """The events in a keeper's log."""
        return [json.loads(line)["event"] for line in self.log(name).splitlines()]

    def run(self, *argv: str, text: str = "") -> str:
        """Run a command on the node."""
        return self.network.run(self.network.node, argv, text)

    def _path(self, name: str) -> Path:
        return self.socket.with_name(f"{name}.sock") if name else self.socket

    def _started(self, argv: list[str], name: str, to: int | None = None) -> subprocess.Popen[str]:
        log = self._stack.enter_context((self._folder / f"{name}.log").open("w"))
        err = log if to is None else to
        with inside(self.network.node):
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True, cwd=ROOT, env=os.environ
            )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@contextmanager
def watching(node: Node):
    """Notes who answers the pod, and when, again and again."""
    seen: list[tuple[float, str]] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            answered = node.answers()
            seen.append((time.monotonic(), answered))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
