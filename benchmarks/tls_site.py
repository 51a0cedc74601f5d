"""What `benchmarks.tls` runs: nginx with TLS as the endpoint, and each proxy, which ends TLS and begins it anew.

Certificates have P-256 keys. Every proxy has one core, one name with three endpoints, TLS 1.3 and 1.2, validates its
endpoints, keeps connections to them, and writes no access log.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.backend import TEMPORARY_PATHS, nginx_command, nginx_preamble
from benchmarks.process import Process
from benchmarks.topology import LOOPBACK, free_ports

NAME: Final = "shop.example"
ENDPOINTS: Final = 3
ANSWER: Final = "x" * 1024


@dataclass(frozen=True, slots=True)
class Site:
    """The ports of endpoints and of a proxy, in one folder; `secrets` has the certificates."""

    folder: Path
    secrets: Path
    endpoints: tuple[int, ...]
    port: int
    admin: int


def site(folder: Path, secrets: Path, endpoints: tuple[int, ...]) -> Site:
    """Lay out a proxy in `folder`, which is made."""
    folder.mkdir()
    port, admin = free_ports(2)
    return Site(folder, secrets, endpoints, port, admin)


def make_secrets(folder: Path) -> None:
    """Make an authority and a certificate in `folder`, with `openssl`."""
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=benchmark")
    openssl("req", *key, "-keyout", "tls.key", "-out", "tls.csr", "-subj", f"/CN={NAME}")
    (folder / "names").write_text(f"subjectAltName=DNS:{NAME}\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names")
    openssl("x509", "-req", "-in", "tls.csr", *signed, "-out", "tls.crt")
    (folder / "both.pem").write_bytes((folder / "tls.crt").read_bytes() + (folder / "tls.key").read_bytes())


def start_endpoints(folder: Path, secrets: Path, ports: tuple[int, ...], core: int) -> Process:
    """Start nginx on all of `ports`; it answers 1 KB, and at /big 1 MB."""
    folder.mkdir()
    (folder / "www").mkdir()
    (folder / "www" / "big").write_bytes(b"0123456789abcdef" * 65536)
    listens = "\n    ".join(f"listen {LOOPBACK}:{port} ssl backlog=4096;" for port in ports)
    (folder / "nginx.conf").write_text(f"""{nginx_preamble()}
http {{
  {TEMPORARY_PATHS}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{
    {listens}
    ssl_certificate {secrets}/tls.crt;
    ssl_certificate_key {secrets}/tls.key;
    location / {{ default_type text/plain; return 200 "{ANSWER}"; }}
    location = /big {{ root www; }}
  }}
}}
""")
    return Process(nginx_command(folder, "nginx.conf"), core, folder / "log")


def noderouter(place: Site) -> list[str]:
    """Write the configuration of noderouter, and return its command."""
    names = place.folder / "names"
    names.mkdir()
    (names / NAME).write_text("".join(f"{LOOPBACK} {port}\n" for port in place.endpoints))
    tls = {"certPath": f"{place.secrets}/tls.crt", "keyPath": f"{place.secrets}/tls.key"}
    router: dict[str, Any] = {
        "protocol": "http",
        "dtab": "/svc => /#/io.l5d.fs;",
        "servers": [{"ip": LOOPBACK, "port": place.port, "tls": tls}],
        "client": {"tls": {"commonName": NAME, "trustCertsBundle": f"{place.secrets}/ca.crt"}},
    }
    config = {
        "admin": {"ip": LOOPBACK, "port": place.admin},
        "namers": [{"kind": "io.l5d.fs", "rootDir": str(names)}],
        "routers": [router],
    }
    (place.folder / "noderouter.yaml").write_text(json.dumps(config))
    return [sys.executable, "-m", "noderouter.cli", "run", str(place.folder / "noderouter.yaml")]


def haproxy(place: Site) -> list[str]:
    """Write the configuration of HAProxy, and return its command."""
    secured = f"ssl verify required ca-file {place.secrets}/ca.crt verifyhost {NAME} sni str({NAME})"
    servers = "".join(f"  server e{port} {LOOPBACK}:{port} {secured}\n" for port in place.endpoints)
    (place.folder / "haproxy.cfg").write_text(f"""global
  nbthread 1
  maxconn 8000
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  timeout http-keep-alive 60s
  option http-keep-alive
  http-reuse always
frontend in
  bind {LOOPBACK}:{place.port} ssl crt {place.secrets}/both.pem backlog 4096
  default_backend to
backend to
  balance leastconn
{servers}
frontend admin
  bind {LOOPBACK}:{place.admin}
  stats enable
  stats uri /stats
""")
    return [shutil.which("haproxy") or "haproxy", "-db", "-f", str(place.folder / "haproxy.cfg")]


PROXIES: Final = {"noderouter": noderouter, "haproxy": haproxy}
"""What writes the configuration of each, and returns its command."""
