"""A pod of a node: a network namespace and what runs in it, which knows nothing of routers."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.node.namespaces import inside

PROGRAMS = Path(__file__).parent / "programs"
WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""What to put before a command so that it ends with this process, however that ends."""


@dataclass
class Pod:
    """One pod. `addresses` by family; a pod on the host's network has the node's."""

    name: str
    namespace: str
    place: Path
    addresses: dict[int, str]
    uid: str = ""
    wanted: bool = False
    """Whether it is meant to be captured."""
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, *argv: str, seconds: float = 20.0, input: str | None = None) -> str:
        """Run a command in the pod; what it printed.

        Raises:
            AssertionError: it failed.
        """
        done = self.completed(*argv, seconds=seconds, input=input)
        assert done.returncode == 0, f"{' '.join(argv)}: status {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done.stdout

    def completed(
        self, *argv: str, seconds: float = 20.0, input: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the pod, whatever comes of it."""
        with inside(self.place):
            return subprocess.run(argv, input=input, capture_output=True, text=True, check=False, timeout=seconds)

    def start(self, *argv: str, user: int | None = None) -> "subprocess.Popen[str]":
        """Start a command in the pod; it ends with the pod."""
        groups: list[int] | None = None if user is None else []
        with inside(self.place):
            process = subprocess.Popen(
                [*WITH_US, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                user=user, group=user, extra_groups=groups,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def program(self, name: str, *arguments: object) -> "subprocess.Popen[str]":
        """Start one of our programs and wait until it is ready."""
        process = self.start(*program(name, *arguments))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", name
        return process

    def end(self) -> None:
        """Kill what runs."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate()
        self.processes.clear()


def program(name: str, *arguments: object) -> Sequence[str]:
    """The command of one of our programs: without site packages, so that it starts at once."""
    return [sys.executable, "-I", "-S", str(PROGRAMS / f"{name}.py"), *map(str, arguments)]
