"""What `benchmarks.http2` runs: nginx as the endpoint of both protocols, and each proxy with a port for each way.

A way is `h1` or `h2`: what endpoints speak; clients always speak HTTP/2 without TLS. Every proxy has one core, one name
with three endpoints, its default statistics, and no access log.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.backend import TEMPORARY_PATHS, nginx_command, nginx_preamble
from benchmarks.process import Process
from benchmarks.proxies.envoy import EXTENSIONS, Envoy
from benchmarks.topology import LOOPBACK, free_ports

WAYS: Final = ("h1", "h2")
NAME: Final = "shop.example"
ENDPOINTS: Final = 3
ANSWER: Final = "x" * 100


@dataclass(frozen=True, slots=True)
class Site:
    """The ports of endpoints and of a proxy, by way, in one folder."""

    folder: Path
    endpoints: dict[str, tuple[int, ...]]
    ports: dict[str, int]
    admin: int


def site(folder: Path, endpoints: dict[str, tuple[int, ...]]) -> Site:
    """Lay out a proxy in `folder`, which is made."""
    folder.mkdir()
    first, second, admin = free_ports(3)
    return Site(folder, endpoints, {"h1": first, "h2": second}, admin)


def endpoints() -> dict[str, tuple[int, ...]]:
    """Ports for the endpoints of each way."""
    ports = free_ports(2 * ENDPOINTS)
    return {"h1": ports[:ENDPOINTS], "h2": ports[ENDPOINTS:]}


def start_endpoints(folder: Path, ports: dict[str, tuple[int, ...]], core: int) -> Process:
    """Start nginx on all of `ports`; it answers 100 bytes, and at /big 1 MB."""
    folder.mkdir()
    (folder / "www").mkdir()
    (folder / "www" / "big").write_bytes(b"0123456789abcdef" * 65536)
    common = f"""location / {{ default_type text/plain; return 200 "{ANSWER}"; }}
    location = /big {{ root www; }}"""
    listens = {
        "h1": "\n    ".join(f"listen {LOOPBACK}:{port} backlog=4096;" for port in ports["h1"]),
        "h2": "\n    ".join(f"listen {LOOPBACK}:{port} http2 backlog=4096;" for port in ports["h2"]),
    }
    (folder / "nginx.conf").write_text(f"""{nginx_preamble()}
http {{
  {TEMPORARY_PATHS}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  http2_max_concurrent_streams 1000;
  server {{
    {listens["h1"]}
    {common}
  }}
  server {{
    {listens["h2"]}
    {common}
  }}
}}
""")
    return Process(nginx_command(folder, "nginx.conf"), core, folder / "log")


def noderouter(place: Site) -> list[str]:
    """Write the configuration of noderouter, and return its command."""
    routers: list[dict[str, Any]] = []
    for way in WAYS:
        names = place.folder / f"names-{way}"
        names.mkdir()
        (names / NAME).write_text("".join(f"{LOOPBACK} {port}\n" for port in place.endpoints[way]))
        router: dict[str, Any] = {
            "protocol": "h2",
            "label": way,
            "dtab": f"/svc => /#/io.l5d.fs/{way};",
            "servers": [{"ip": LOOPBACK, "port": place.ports[way]}],
        }
        if way == "h1":
            router["client"] = {"endpointProtocol": "http"}
        routers.append(router)
    config = {
        "admin": {"ip": LOOPBACK, "port": place.admin},
        "namers": [
            {"kind": "io.l5d.fs", "prefix": f"/io.l5d.fs/{way}", "rootDir": str(place.folder / f"names-{way}")}
            for way in WAYS
        ],
        "routers": routers,
    }
    (place.folder / "noderouter.yaml").write_text(json.dumps(config))
    return [sys.executable, "-m", "noderouter.cli", "run", str(place.folder / "noderouter.yaml")]


def haproxy(place: Site) -> list[str]:
    """Write the configuration of HAProxy, and return its command."""
    text = """global
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
"""
    for way in WAYS:
        servers = "".join(
            f"  server e{port} {LOOPBACK}:{port}{' proto h2' if way == 'h2' else ''}\n" for port in place.endpoints[way]
        )
        text += f"""frontend in-{way}
  bind {LOOPBACK}:{place.ports[way]} proto h2 backlog 4096
  default_backend to-{way}
backend to-{way}
  balance leastconn
{servers}"""
    text += f"frontend admin\n  bind {LOOPBACK}:{place.admin}\n  stats enable\n  stats uri /stats\n"
    (place.folder / "haproxy.cfg").write_text(text)
    return [shutil.which("haproxy") or "haproxy", "-db", "-f", str(place.folder / "haproxy.cfg")]


def envoy(place: Site) -> list[str]:
    """Write the configuration of Envoy, and return its command."""
    config = {
        "admin": {"address": _address(place.admin)},
        "static_resources": {
            "listeners": [_listener(way, place.ports[way]) for way in WAYS],
            "clusters": [_cluster(way, place.endpoints[way]) for way in WAYS],
        },
    }
    (place.folder / "envoy.json").write_text(json.dumps(config))
    return [
        Envoy().binary() or "envoy", "-c", str(place.folder / "envoy.json"),
        "--concurrency", "1", "--disable-hot-restart", "-l", "error",
    ]  # fmt: skip


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _listener(way: str, port: int) -> dict[str, Any]:
    hosts = [{"name": way, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": way}}]}]
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{EXTENSIONS}.http.router.v3.Router"},
    }
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": way,
            "codec_type": "HTTP2",
            "route_config": {"virtual_hosts": hosts},
            "http_filters": [router],
        },
    }
    return {"name": way, "address": _address(port), "filter_chains": [{"filters": [manager]}]}


def _cluster(way: str, ports: tuple[int, ...]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    cluster: dict[str, Any] = {
        "name": way,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": way, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if way == "h2":
        options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return cluster


PROXIES: Final = {"noderouter": noderouter, "haproxy": haproxy, "envoy": envoy}
"""What writes the configuration of each, and returns its command."""
