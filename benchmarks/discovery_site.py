"""What the measurement of discovery runs against: a fake API, backends, and a router as it is deployed.

    router     `noderouter run` with `io.l5d.k8s`, alone on its core
    API        `benchmarks.discovery_api`, on the other core
    backend    one nginx on all addresses of loopback, on the other core; it answers with the address it was asked on

A name is a path of three segments, `/ns-1/http/svc-1`, so that one load generator can ask for all of them.
"""

import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio

from benchmarks.backend import nginx_command, nginx_preamble
from benchmarks.process import Probe, Process
from benchmarks.proxies import PROXIES
from benchmarks.topology import LOOPBACK, free_ports

ENDPOINTS = 10
NAMESPACES = 10
PROBES = 10
START_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is, and where it runs. Of the `routed` names, `PROBES` are probes."""

    services: int
    routed: int
    router_core: int
    other_core: int

    @property
    def paths(self) -> list[str]:
        """The names that traffic goes to."""
        return [f"/ns-{number % NAMESPACES}/http/svc-{number}" for number in range(self.routed - PROBES)]

    @property
    def probes(self) -> list[str]:
        """The names that have one endpoint, and are asked for after each marked change."""
        return [f"/ns-{number % NAMESPACES}/http/probe-{number}" for number in range(PROBES)]


class Api:
    """The other process: what it says, and what it is told."""

    def __init__(self, process: trio.Process) -> None:
        self.port = 0
        self.said = self._lines(process)
        """What it says, line by line."""
        self._process = process

    async def tell(self, words: str) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(f"{words}\n".encode())

    @staticmethod
    async def _lines(process: trio.Process) -> AsyncGenerator[Any, None]:
        assert process.stdout is not None
        buffer = b""
        async for piece in process.stdout:
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Site:
    """Everything, running."""

    scene: Scene
    api: Api
    router: Process
    port: int
    folder: Path


@asynccontextmanager
async def site(scene: Scene, folder: Path) -> AsyncIterator[Site]:
    """Start everything; stop it afterwards.

    Raises:
        StartError: router or backend did not come up.
    """
    port, admin_port, backend_port = free_ports(3)
    (folder / "backend").mkdir()
    (folder / "backend" / "nginx.conf").write_text(_backend(backend_port))
    async with _api(scene, backend_port) as api:
        (folder / "router.yaml").write_text(_router(port, admin_port, api.port))
        binary = PROXIES["noderouter"].binary()
        assert binary is not None
        nginx = nginx_command(folder / "backend", "nginx.conf")
        up, ready = Probe(backend_port, "/", "x"), Probe(admin_port, "/readyz", "localhost")
        with Process(nginx, scene.other_core, folder / "backend" / "backend.log") as backend:
            backend.await_startup(up, up)
            command = [binary, "run", str(folder / "router.yaml")]
            with Process(command, scene.router_core, folder / "router.log") as router:
                router.await_startup(ready, ready)
                yield Site(scene, api, router, port, folder)


@asynccontextmanager
async def _api(scene: Scene, backend_port: int) -> AsyncIterator[Api]:
    numbers = (scene.services, ENDPOINTS, NAMESPACES, PROBES, backend_port)
    argv = [sys.executable, "-m", "benchmarks.discovery_api", *map(str, numbers)]
    process = await trio.lowlevel.open_process(["taskset", "-c", str(scene.other_core), *argv], stdin=PIPE, stdout=PIPE)
    try:
        api = Api(process)
        with trio.fail_after(START_LIMIT_S):
            api.port = await anext(api.said)
        yield api
    finally:
        process.kill()
        await api.said.aclose()
        await process.wait()


def _backend(port: int) -> str:
    return f"""{nginx_preamble()}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {{
    listen {port} backlog=4096;
    location / {{ default_type text/plain; return 200 $server_addr; }}
  }}
}}
"""


def _router(port: int, admin_port: int, api_port: int) -> str:
    return f"""admin:
  ip: {LOOPBACK}
  port: {admin_port}
namers:
- kind: io.l5d.k8s
  host: {LOOPBACK}
  port: {api_port}
routers:
- protocol: http
  label: http
  identifier:
    kind: io.l5d.path
    segments: 3
  dtab: /svc => /#/io.l5d.k8s;
  destinations:
    allow: [127.0.0.0/8]
  servers:
  - ip: {LOOPBACK}
    port: {port}
"""
