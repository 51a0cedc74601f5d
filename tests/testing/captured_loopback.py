"""A network namespace with nothing but a loopback, where a rule in OUTPUT gives what is dialled to a capture port.

The router has a group of its own, by which the rule lets its connections out, and so has who connects directly.
"""

import json
import os
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import trio

from tests.cluster.node import namespaces
from tests.testing.loop import until
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
KINDS = ("http1", "http2", "tls", "opaque")


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

    def listening(self) -> socket.socket:
        """A socket that takes connections in it; its server stays outside."""
        with namespaces.inside(self.path):
            return socket.create_server(("127.0.0.1", 0))

    async def counted(self, admin_port: int) -> Counter[str]:
        """How many connections the router has captured, by what they spoke."""
        url = f"http://127.0.0.1:{admin_port}/admin/metrics.json"
        asked = await trio.run_process(["curl", "-sS", url], preexec_fn=self.direct, capture_stdout=True)
        metrics = json.loads(asked.stdout)
        return Counter({kind: metrics.get(METRICS + kind, 0) for kind in KINDS})

    @asynccontextmanager
    async def serving(self, argv: Sequence[str | Path], port: int, **options: Any) -> AsyncIterator[None]:
        """A server that is not captured, from when it listens to the end; `options` are those of `Popen`."""
        server = await trio.lowlevel.open_process(argv, preexec_fn=self.direct, **options)
        try:
            await self._listens(port)
            yield
        finally:
            server.kill()
            with trio.CancelScope(shield=True):
                await server.wait()

    async def _listens(self, port: int) -> None:
        """Wait until somebody takes connections at a port (proc(5), `net/tcp`; state 0A)."""
        place = f":{port:04X}"

        def seen() -> bool:
            with namespaces.inside(self.path):
                text = "".join(Path("/proc/thread-self/net", name).read_text() for name in ("tcp", "tcp6"))
            lines = map(str.split, text.splitlines())
            return any(line[1].endswith(place) and line[3] == "0A" for line in lines)

        await until(seen, 30.0)


def capturing(server: Mapping[str, Any] = MappingProxyType({}), **capture: Any) -> Any:
    """The configuration of the router, whose server may have more keys; it runs as `Loopback.direct`."""
    return config(DTAB, servers=[{"ip": "::", "port": PORT, "capture": capture, **server}], **ON_LOOPBACK)


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
