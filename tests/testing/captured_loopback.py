"""A network namespace with nothing but a loopback, where a rule in OUTPUT gives what is dialled to a capture port.

The router has a group of its own, by which the rule lets its connections out, and so has who connects directly.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.node import namespaces
from tests.testing.router import ON_LOOPBACK, config

PORT = 4143
GROUP = 64143
RULES = f"""
table inet capture {{
    chain out {{
        type nat hook output priority -100; policy accept;
        meta skgid {GROUP} return
        oif lo meta l4proto tcp redirect to :{PORT}
    }}
}}
"""
DTAB = "/inet => /$/inet; /svc => /$/io.buoyant.hostportPfx/inet"
METRICS = f"rt/out/server/::/{PORT}/captured/"


@dataclass(frozen=True, slots=True)
class Loopback:
    """The namespace; the two functions are for `preexec_fn`."""

    path: Path

    def captured(self) -> None:
        """Have the process's connections captured."""
        namespaces.enter(self.path)

    def direct(self) -> None:
        """Have them go directly."""
        namespaces.enter(self.path)
        os.setgid(GROUP)


def capturing(**capture: Any) -> Any:
    """The configuration of the router; it runs as `Loopback.direct`."""
    return config(DTAB, servers=[{"ip": "::", "port": PORT, "capture": capture}], **ON_LOOPBACK)


@contextmanager
def captured_loopback(folder: Path) -> Iterator[Loopback]:
    """The namespace, until the end of the block; skips where there cannot be one."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for command in ("ip", "nft", "curl"):
        if shutil.which(command) is None:
            pytest.skip(f"needs {command}")
    made = folder / "net"
    namespaces.create(made)
    try:
        with namespaces.inside(made):
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(["nft", "-f", "-"], input=RULES, text=True, check=True)
        yield Loopback(made)
    finally:
        namespaces.remove(made)
