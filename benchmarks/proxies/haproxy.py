"""HAProxy: hosts by a map file, leastconn, connections shared between clients, stats page on."""

import shutil
from typing import ClassVar

from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.topology import LOOPBACK


class HAProxy(Proxy):
    """One thread; `http-reuse always` as the counterpart of the shared pools of the others."""

    name: ClassVar[str] = "haproxy"
    ready_path: ClassVar[str] = "/ready"

    def binary(self) -> str | None:
        """From the search path."""
        return shutil.which("haproxy")

    def version_command(self, binary: str) -> list[str]:
        """`haproxy -v`."""
        return [binary, "-v"]

    def write(self, setup: Setup) -> None:
        """A map from host to backend, and one backend per service."""
        names = "".join(f"{name} service{index}\n" for name, index in setup.topology.names)
        (setup.directory / "hosts.map").write_text(names)
        (setup.directory / "haproxy.cfg").write_text(_config(setup))

    def command(self, binary: str, setup: Setup) -> list[str]:
        """In the foreground."""
        return [binary, "-db", "-f", str(setup.directory / "haproxy.cfg")]

    def check_command(self, binary: str, setup: Setup) -> list[str]:
        """`haproxy -c`."""
        return [binary, "-c", "-f", str(setup.directory / "haproxy.cfg")]


def _config(setup: Setup) -> str:
    backends = "\n".join(
        f"backend service{index}\n  balance leastconn\n"
        + "".join(f"  server e{port} {LOOPBACK}:{port}\n" for port in ports)
        for index, ports in enumerate(setup.topology.services)
    )
    return f"""global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  timeout http-keep-alive 60s
  option http-keep-alive
  http-reuse always
frontend incoming
  bind {LOOPBACK}:{setup.port} backlog 4096
  use_backend %[req.hdr(host),lower,map_str({setup.directory / "hosts.map"})]
frontend admin
  bind {LOOPBACK}:{setup.admin_port}
  monitor-uri {HAProxy.ready_path}
  stats enable
  stats uri /stats
{backends}"""
