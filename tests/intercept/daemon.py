"""Processes of the node itself, router and keeper: real ones, in the node's network, with their logs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.any_cluster import READY_SECONDS, until
from tests.cluster.node.namespaces import inside
from tests.intercept.configuration import ROOT
from tests.intercept.pod import WITH_US

ROUTER_USER = 65532


class Daemon:
    """`noderouter ARGUMENTS` in a network namespace; its log is JSON lines."""

    def __init__(
        self, place: Path, arguments: Sequence[str], log: Path, *, user: int | None = None, env: Mapping[str, str] = {}
    ) -> None:
        self.log_file = log
        groups: list[int] | None = None if user is None else []
        with inside(place), log.open("ab") as output:
            self.process = subprocess.Popen(
                [*WITH_US, sys.executable, "-m", "noderouter.cli", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, **env},
                user=user, group=user, extra_groups=groups,
            )  # fmt: skip

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What it logged, or the events of one name."""
        lines = [json.loads(line) for line in self.words().splitlines() if line.startswith("{")]
        return [line for line in lines if name in (None, line["event"])]

    def words(self) -> str:
        """Everything it wrote."""
        return self.log_file.read_text()

    def until(self, name: str, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """Wait for an event."""
        until(lambda: self.events(name) or self.process.poll() is not None, seconds)
        found = self.events(name)
        assert found, f"no {name}:\n{self.words()}"
        return found[-1]

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """As the kubelet begins; does not wait."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = READY_SECONDS) -> int:
        """Wait for its end; the status."""
        return self.process.wait(seconds)
