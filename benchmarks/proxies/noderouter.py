"""noderouter itself, with the default configuration: a dtab of one line and the fs namer.

Every host name is a name of its own (`/svc/<host>` bound to `/#/io.l5d.fs/<host>`), so it keeps 200 pools and
balancers where the peers keep one per service: no less work than theirs.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import ClassVar

from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.topology import LOOPBACK


class NodeRouter(Proxy):
    """All stats on, access log off, as configured by default."""

    name: ClassVar[str] = "noderouter"
    ready_path: ClassVar[str] = "/readyz"

    def binary(self) -> str | None:
        """Beside the running Python, else from the search path."""
        beside = Path(sys.executable).with_name("noderouter")
        return str(beside) if beside.is_file() else shutil.which("noderouter")

    def version_command(self, binary: str) -> list[str]:
        """`noderouter version`."""
        return [binary, "version"]

    def write(self, setup: Setup) -> None:
        """A folder with one address file per host name, and the router's configuration."""
        folder = setup.directory / "names"
        folder.mkdir(exist_ok=True)
        for name, index in setup.topology.names:
            lines = (f"{LOOPBACK} {port}\n" for port in setup.topology.services[index])
            (folder / name).write_text("".join(lines))
        (setup.directory / "noderouter.yaml").write_text(_config(setup, folder))

    def command(self, binary: str, setup: Setup) -> list[str]:
        """`noderouter run`."""
        return [binary, "run", str(setup.directory / "noderouter.yaml")]

    def check_command(self, binary: str, setup: Setup) -> list[str]:
        """`noderouter validate`."""
        return [binary, "validate", str(setup.directory / "noderouter.yaml")]


def _config(setup: Setup, folder: Path) -> str:
    return f"""admin:
  ip: {LOOPBACK}
  port: {setup.admin_port}
namers:
- kind: io.l5d.fs
  rootDir: {json.dumps(str(folder))}
routers:
- protocol: http
  label: http
  dtab: "/svc => /#/io.l5d.fs;"
  servers:
  - ip: {LOOPBACK}
    port: {setup.port}
"""
