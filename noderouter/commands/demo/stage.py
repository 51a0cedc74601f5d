"""The files and processes of the demo: instances, an address file for each service, the dtab, the configuration."""

import os
import subprocess
import sys
from pathlib import Path

CONFIG = """\
admin:
  port: {admin_port}

namers:
- kind: io.l5d.fs
  rootDir: {disco}

routers:
- protocol: http
  label: demo
  interpreter:
    kind: io.l5d.fs
    dtabFile: {dtab}
  overrides:
    trusted: [127.0.0.0/8]
  servers:
  - port: {port}
  service:
    responseClassifier:
      kind: io.l5d.http.retryableRead5XX
"""

INSTANCES = {"hello-1": 0, "hello-2": 0, "world-1": 0, "price-1": 0, "cart-1": 6, "cart-2": 0, "cart-3": 0}
"""With how many of ten requests they fail."""
SERVICES = ("hello", "world", "price", "cart")

DTAB = "/svc => /#/io.l5d.fs ;\n"
REROUTED = "/svc       => /#/io.l5d.fs ;\n/svc/hello => /svc/world ;\n"


class Stage:
    """Owns a directory and the service processes; use as a context manager."""

    def __init__(self, directory: Path, port: int, admin_port: int) -> None:
        self.directory = directory
        self.port = port
        self.admin_port = admin_port
        self.disco = directory / "disco"
        self.dtab = directory / "dtab"
        self.config = directory / "noderouter.yaml"
        self.instances: dict[str, subprocess.Popen[str]] = {}
        self.ports: dict[str, int] = {}

    def __enter__(self) -> "Stage":
        self.disco.mkdir(parents=True, exist_ok=True)
        for name, failures in INSTANCES.items():
            self.start(name, failures)
        for service in SERVICES:
            self.announce(service, *(name for name in INSTANCES if name.startswith(service)))
        self.write_dtab(DTAB)
        self.config.write_text(
            CONFIG.format(admin_port=self.admin_port, port=self.port, disco=self.disco, dtab=self.dtab)
        )
        return self

    def start(self, name: str, failures: int = 0) -> None:
        """Start an instance, of which so many of ten requests fail, and learn its port."""
        command = [sys.executable, "-m", "noderouter.commands.demo.service", name, str(failures)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        self.instances[name] = process
        self.ports[name] = int(process.stdout.readline())

    def announce(self, service: str, *names: str) -> None:
        """Write the address file of a service."""
        lines = "".join(f"127.0.0.1 {self.ports[name]}\n" for name in names)
        _replace(self.disco / service, lines)

    def write_dtab(self, text: str) -> None:
        """Replace the dtab, atomically."""
        _replace(self.dtab, text)

    def __exit__(self, *exc: object) -> None:
        for process in self.instances.values():
            process.kill()
        for process in self.instances.values():
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)
