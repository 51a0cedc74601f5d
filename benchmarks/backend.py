"""The one server behind all proxies: nginx, listening on the port of every endpoint.

`/x` answers 100 bytes to any method, `/big` a file of 1 MB, `/slow` the same at 256 KB a second, `/huge` one of 16
MB, `/mark/...` its own path, `/error` a 503, `/close` 100 bytes and then closes. Connections are kept alive without
limit, so that the proxies decide about them.
"""

import grp
import os
import pwd
from pathlib import Path

from benchmarks.process import Probe, Process, StartError
from benchmarks.topology import LOOPBACK, Topology

SMALL_BYTES = 100
BIG_BYTES = 2**20
HUGE_BYTES = 16 * 2**20


def nginx_preamble() -> str:
    """The part of an nginx configuration that keeps it in its prefix, in the foreground, as the current user."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    return f"""user {user} {group};
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
events {{ worker_connections 10000; }}
"""


TEMPORARY_PATHS = "\n  ".join(
    f"{kind}_temp_path {kind}_temp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
"""nginx's spool folders, inside its prefix."""


def nginx_command(directory: Path, config: str, *more: str) -> list[str]:
    """nginx with everything it touches inside `directory`."""
    return ["nginx", "-p", str(directory), "-c", config, "-e", "stderr", *more]


def config(topology: Topology) -> str:
    """The backend's nginx configuration."""
    listens = "\n    ".join(f"listen {LOOPBACK}:{port} backlog=4096;" for port in topology.ports)
    answer = f'default_type text/plain; return 200 "{"x" * SMALL_BYTES}";'
    return f"""{nginx_preamble()}
http {{
  {TEMPORARY_PATHS}
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  server {{
    {listens}
    location / {{ {answer} }}
    location /close {{ keepalive_timeout 0; {answer} }}
    location /error {{ return 503; }}
    location = /big {{ root www; }}
    location = /huge {{ root www; }}
    location = /slow {{ root www; limit_rate 256k; }}
    location /mark/ {{ default_type text/plain; return 200 "$uri"; }}
  }}
}}
"""


def start(directory: Path, topology: Topology, core: int) -> Process:
    """Start the backend in `directory`, which it creates, and wait until it answers.

    Raises:
        StartError: nginx did not come up.
    """
    (directory / "www").mkdir(parents=True)
    (directory / "www" / "big").write_bytes(b"0123456789abcdef" * (BIG_BYTES // 16))
    (directory / "www" / "slow").write_bytes(b"0123456789abcdef" * (BIG_BYTES // 16))
    (directory / "www" / "huge").write_bytes(b"0123456789abcdef" * (HUGE_BYTES // 16))
    (directory / "nginx.conf").write_text(config(topology))
    process = Process(nginx_command(directory, "nginx.conf"), core, directory / "backend.log")
    up = Probe(topology.ports[-1], "/x", topology.first_name)
    try:
        process.await_startup(up, up)
    except StartError:
        process.stop()
        raise
    return process
