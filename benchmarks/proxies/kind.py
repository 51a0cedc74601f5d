"""What a proxy under test has to tell; one subclass per proxy."""

import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.process import Probe, Process
from benchmarks.topology import Topology


@dataclass(frozen=True, slots=True)
class Setup:
    """Where one proxy lives: its folder, its two ports, and what it routes."""

    directory: Path
    topology: Topology
    port: int
    admin_port: int


class Proxy(ABC):
    """A proxy with equal work: one core, a table of host names, least-loaded endpoint, keep-alive, stats on."""

    name: ClassVar[str]
    ready_path: ClassVar[str]
    """A path on the admin port that answers 200 when the proxy calls itself ready."""

    @abstractmethod
    def binary(self) -> str | None:
        """The program's path, or None where it is not installed."""

    @abstractmethod
    def version_command(self, binary: str) -> list[str]:
        """A command whose first line of output says the version."""

    @abstractmethod
    def write(self, setup: Setup) -> None:
        """Write the configuration into the setup's folder, which exists."""

    @abstractmethod
    def command(self, binary: str, setup: Setup) -> list[str]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def check_command(self, binary: str, setup: Setup) -> list[str]:
        """The command by which the proxy itself judges the configuration."""

    def start(self, setup: Setup, core: int) -> Process:
        """Start it; the configuration was written before.

        Raises:
            FileNotFoundError: it is not installed.
        """
        binary = self.binary()
        if binary is None:
            raise FileNotFoundError(f"{self.name} is not installed")
        return Process(self.command(binary, setup), core, setup.directory / f"{self.name}.log")

    def ready_probe(self, setup: Setup) -> Probe:
        """Asks the proxy itself."""
        return Probe(setup.admin_port, self.ready_path, "localhost")

    def served_probe(self, setup: Setup) -> Probe:
        """Asks for a response of the backend."""
        return Probe(setup.port, "/x", setup.topology.first_name)

    def version(self) -> str:
        """What it says about its version, in one line."""
        binary = self.binary()
        if binary is None:
            return "not installed"
        done = subprocess.run(self.version_command(binary), capture_output=True, text=True, timeout=30, check=False)
        lines = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return lines[0].replace(binary, self.name) if lines and done.returncode == 0 else "unknown"
