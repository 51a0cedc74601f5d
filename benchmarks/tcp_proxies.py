"""The proxies as carriers of TCP: how each is configured for the same two services, and started."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import proxies
from benchmarks.process import Process
from benchmarks.topology import LOOPBACK

DIRECT: Final = "direct"
"""The far end itself, behind the same rules of the packet filter."""
DECLARED: Final = "noderouter, declared"
"""noderouter again, on ports that are declared as opaque, so that no first bytes are looked at."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Where one proxy lives, what it listens on, and what is behind it.

    Attributes:
        behind: the far end's port of each service.
        listening: the proxy's port for each.
        dialled: the ports of `service_ip` that clients dial; beside the services, those declared as opaque.
    """

    directory: Path
    behind: Mapping[str, int]
    listening: Mapping[str, int]
    admin_port: int
    service_ip: str
    dialled: Mapping[str, int]


class Proxy(ABC):
    """A proxy with one core."""

    captures = False
    """Whether it takes all connections at one port, and finds out itself what was dialled."""

    def __init__(self, kind: str) -> None:
        """`kind`: which of `benchmarks.proxies` knows where the program is."""
        self._kind = proxies.PROXIES[kind]

    def version(self) -> str:
        """What it says about its version, in one line."""
        return self._kind.version()

    @abstractmethod
    def write(self, setup: Setup) -> Path:
        """Write the configuration into the setup's folder, which exists."""

    @abstractmethod
    def command(self, binary: str, config: Path) -> list[str]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def check_command(self, binary: str, config: Path) -> list[str]:
        """The command by which the proxy itself judges the configuration."""

    def binary(self) -> str:
        """The program's path.

        Raises:
            FileNotFoundError: it is not installed.
        """
        binary = self._kind.binary()
        if binary is None:
            raise FileNotFoundError(f"{self._kind.name} is not installed")
        return binary

    def start(self, setup: Setup, core: int) -> Process:
        """Configure and start it.

        Raises:
            FileNotFoundError: it is not installed.
        """
        return Process(self.command(self.binary(), self.write(setup)), core, setup.directory / "proxy.log")


class NodeRouter(Proxy):
    """Captured connections, named by what was dialled and routed by dtab; the default configuration otherwise.

    The API and the keeper, which only interception needs, are not there: it goes on asking for them, now and then.
    """

    captures = True

    def write(self, setup: Setup) -> Path:
        """One address file for each address that is dialled."""
        names = setup.directory / "names"
        names.mkdir()
        for name, port in setup.dialled.items():
            (names / f"{setup.service_ip}:{port}").write_text(f"{LOOPBACK} {setup.behind[name.split()[-1]]}\n")
        config = {
            "admin": {"ip": LOOPBACK, "port": setup.admin_port},
            "namers": [{"kind": "io.l5d.fs", "rootDir": str(names)}],
            "routers": [
                {
                    "protocol": "http",
                    "dtab": "/svc => /#/io.l5d.fs;",
                    "servers": [{"ip": LOOPBACK, "port": setup.listening["stream"], "capture": {}}],
                }
            ],
            "intercept": {
                "socket": str(setup.directory / "no-keeper"),
                "nodeName": "benchmark",
                "k8sHost": LOOPBACK,
                "k8sPort": 9,
                "opaquePorts": [port for name, port in setup.dialled.items() if name.startswith("declared ")],
            },
        }
        file = setup.directory / "noderouter.json"
        file.write_text(json.dumps(config, indent=1))
        return file

    def command(self, binary: str, config: Path) -> list[str]:
        """`noderouter run`."""
        return [binary, "run", str(config)]

    def check_command(self, binary: str, config: Path) -> list[str]:
        """`noderouter validate`."""
        return [binary, "validate", str(config)]


class HAProxy(Proxy):
    """`mode tcp`, one thread, and what `options` say about splicing."""

    def __init__(self, *options: str) -> None:
        super().__init__("haproxy")
        self._options = options

    def write(self, setup: Setup) -> Path:
        """A frontend and a backend for each service."""
        options = "".join(f"  option {option}\n" for option in self._options)
        services = "".join(
            f"frontend {name}-in\n  bind {LOOPBACK}:{port} backlog 4096\n  default_backend {name}\n"
            f"backend {name}\n  balance leastconn\n  server far {LOOPBACK}:{setup.behind[name]}\n"
            for name, port in setup.listening.items()
        )
        file = setup.directory / "haproxy.cfg"
        file.write_text(
            "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout client 1h\n  timeout server 1h\n"
            f"  timeout connect 1s\n{options}{services}"
        )
        return file

    def command(self, binary: str, config: Path) -> list[str]:
        """In the foreground."""
        return [binary, "-db", "-f", str(config)]

    def check_command(self, binary: str, config: Path) -> list[str]:
        """`haproxy -c`."""
        return [binary, "-c", "-f", str(config)]


class Envoy(Proxy):
    """`tcp_proxy`, one worker thread."""

    def write(self, setup: Setup) -> Path:
        """A listener and a cluster for each service."""
        file = setup.directory / "envoy.json"
        file.write_text(json.dumps(_bootstrap(setup), indent=1))
        return file

    def command(self, binary: str, config: Path) -> list[str]:
        """Hot restart off, since several run on this machine."""
        return [binary, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]

    def check_command(self, binary: str, config: Path) -> list[str]:
        """`envoy --mode validate`."""
        return [*self.command(binary, config), "--mode", "validate"]


def _bootstrap(setup: Setup) -> dict[str, Any]:
    return {
        "admin": {"address": _address(setup.admin_port)},
        "static_resources": {
            "listeners": [
                {"name": name, "address": _address(port), "filter_chains": [{"filters": [_tcp_proxy(name)]}]}
                for name, port in setup.listening.items()
            ],
            "clusters": [
                {
                    "name": name,
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "lb_policy": "LEAST_REQUEST",
                    "load_assignment": {
                        "cluster_name": name,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
                    },
                }
                for name, port in setup.behind.items()
            ],
        },
    }


def _tcp_proxy(name: str) -> dict[str, Any]:
    return {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": name,
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


PROXIES: Final[dict[str, Proxy]] = {
    "noderouter": NodeRouter("noderouter"),
    "haproxy": HAProxy(),
    "haproxy splice-auto": HAProxy("splice-auto"),
    "haproxy splice always": HAProxy("splice-request", "splice-response"),
    "envoy": Envoy("envoy"),
}
"""By name, in the order of the tables."""
