"""nginx: hosts by a map, least_conn, kept-alive upstream connections, stub_status on."""

import shutil
from typing import ClassVar

from benchmarks.backend import TEMPORARY_PATHS, nginx_command, nginx_preamble
from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.topology import LOOPBACK


class Nginx(Proxy):
    """One worker; spooling of large responses to disk is off, because no other proxy does that."""

    name: ClassVar[str] = "nginx"
    ready_path: ClassVar[str] = "/status"

    def binary(self) -> str | None:
        """From the search path."""
        return shutil.which("nginx")

    def version_command(self, binary: str) -> list[str]:
        """`nginx -v`."""
        return [binary, "-v"]

    def write(self, setup: Setup) -> None:
        """A map from host to upstream, and one upstream per service."""
        (setup.directory / "nginx.conf").write_text(_config(setup))

    def command(self, binary: str, setup: Setup) -> list[str]:
        """In the foreground."""
        return nginx_command(setup.directory, "nginx.conf")

    def check_command(self, binary: str, setup: Setup) -> list[str]:
        """`nginx -t`."""
        return nginx_command(setup.directory, "nginx.conf", "-t")


def _config(setup: Setup) -> str:
    hosts = "\n".join(f"    {name} service{index};" for name, index in setup.topology.names)
    upstreams = "\n".join(
        f"  upstream service{index} {{ least_conn; "
        + " ".join(f"server {LOOPBACK}:{port};" for port in ports)
        + " keepalive 256; keepalive_requests 1000000000; }"
        for index, ports in enumerate(setup.topology.services)
    )
    return f"""{nginx_preamble()}
http {{
  {TEMPORARY_PATHS}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 60s;
  client_max_body_size 0;
  map_hash_max_size 4096;
  map_hash_bucket_size 128;
  map $http_host $service {{
{hosts}
  }}
{upstreams}
  server {{
    listen {LOOPBACK}:{setup.port} backlog=4096;
    location / {{
      proxy_pass http://$service;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_max_temp_file_size 0;
    }}
  }}
  server {{
    listen {LOOPBACK}:{setup.admin_port};
    location {Nginx.ready_path} {{ stub_status; }}
  }}
}}
"""
