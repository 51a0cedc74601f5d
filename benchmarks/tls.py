"""`python -m benchmarks.tls`: what TLS costs that is ended and begun anew, beside HAProxy, in CPU and memory.

    request    µs for a request with fourteen fields and 1 KB of response, on kept connections
    mb         µs for a megabyte of response
    new        µs for a new connection of a client, with its request
    idle       KB for a connection that has agreed on keys and says nothing
    half       MB for 10,000 connections that have said half a hello; and how long another one waits then, in ms

wrk sends requests; rounds are in rotation, and ratios are taken within a round. Idle and half-open connections are
noderouter's alone.
"""

import argparse
import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import tls_site, wrk
from benchmarks.cases import USUAL_HEADERS
from benchmarks.process import Process, StartError
from benchmarks.rounds import rotated
from benchmarks.topology import LOOPBACK, free_ports

LIMITS: Final = {"request": 1.2, "mb": 1.2, "new": 1.8}
"""Times HAProxy."""
IDLE_KB: Final = 30.0
HALF_MB: Final = 20.0
START_LIMIT_S: Final = 30.0
CONNECTIONS: Final = {"request": 16, "mb": 4, "new": 16}
IDLE: Final = 500
HALF_OPEN: Final = 10_000
HALF: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
"""The beginning of a first record of 512 bytes."""

Found = dict[str, dict[str, list[float]]]
"""By case and proxy: a figure for each round."""


def main() -> int:
    """Exit code 1 where requests failed or a bar is missed, 2 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of one run")
    parser.add_argument("--proxies", default=",".join(tls_site.PROXIES))
    parser.add_argument("--half-open", type=int, default=HALF_OPEN, help="connections that say half a hello")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="judge by the bars")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.sched_setaffinity(0, {1})
    try:
        with tempfile.TemporaryDirectory(prefix="tls-") as folder:
            found = run(Path(folder), options.proxies.split(","), options)
    except (StartError, OSError, RuntimeError, ValueError) as error:
        print(f"tls: {error}", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    return 1 if options.check and missed(found) else 0


def run(folder: Path, names: list[str], options: argparse.Namespace) -> Found:
    """Start everything, and measure."""
    secrets = folder / "secrets"
    tls_site.make_secrets(secrets)
    ports = tuple(free_ports(tls_site.ENDPOINTS))
    found: Found = {case: {name: [] for name in names} for case in LIMITS}
    with ExitStack() as running:
        running.enter_context(tls_site.start_endpoints(folder / "endpoints", secrets, ports, 1))
        places = {name: tls_site.site(folder / name, secrets, ports) for name in names}
        processes: dict[str, Process] = {}
        for name in names:
            command = tls_site.PROXIES[name](places[name])
            processes[name] = running.enter_context(Process(command, 0, places[name].folder / "log"))
            await_served(processes[name], places[name])
        for number in range(options.rounds):
            for case in LIMITS:
                for name in rotated(names, number):
                    value = cpu(processes[name], places[name].port, case, options.seconds)
                    found[case][name].append(value)
                    print(f"{number + 1:3} {case:8} {name:11} {value:9.1f}", file=sys.stderr, flush=True)
        if "noderouter" in names:
            mine = processes["noderouter"], places["noderouter"]
            found["idle"] = {"noderouter": [idle(*mine)]}
            megabytes, waited = half_open(*mine, options.half_open)
            found["half"] = {"noderouter": [megabytes]}
            found["half, another one"] = {"noderouter": [waited]}
    return found


def await_served(process: Process, place: tls_site.Site) -> None:
    """Wait until a request is answered."""
    while True:
        if not process.alive or time.perf_counter() > process.started + START_LIMIT_S:
            raise StartError(f"not up: {process.tail()}")
        try:
            ask(place)
            return
        except OSError:
            time.sleep(0.05)


def trusting(place: tls_site.Site) -> ssl.SSLContext:
    """The context of a client."""
    return ssl.create_default_context(cafile=str(place.secrets / "ca.crt"))


def connect(place: tls_site.Site, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection that has agreed on keys."""
    plain = socket.create_connection((LOOPBACK, place.port), timeout=20)
    return context.wrap_socket(plain, server_hostname=tls_site.NAME)


def ask(place: tls_site.Site) -> None:
    """Send one request on a connection of its own.

    Raises:
        OSError: it was not answered with 200.
    """
    with connect(place, trusting(place)) as peer:
        peer.sendall(f"GET /x HTTP/1.1\r\nHost: {tls_site.NAME}\r\nConnection: close\r\n\r\n".encode())
        if not peer.recv(65536).startswith(b"HTTP/1.1 200"):
            raise OSError("no 200")


def cpu(process: Process, port: int, case: str, seconds: int) -> float:
    """µs of CPU for a request, a megabyte, or a new connection."""
    load(port, case, 1)
    before = process.cpu()
    requests = load(port, case, seconds)
    return (process.cpu() - before).total / requests * 1e6


def load(port: int, case: str, seconds: int) -> int:
    """Send requests, and return how many were answered."""
    headers = (f"Host: {tls_site.NAME}", *USUAL_HEADERS, *(("Connection: close",) if case == "new" else ()))
    url = f"https://{LOOPBACK}:{port}/{'big' if case == 'mb' else 'x'}"
    command = wrk.command(url, CONNECTIONS[case], seconds, headers, None)
    done = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True, check=False, timeout=120)
    found = wrk.parse(done.stdout)
    if not found.requests or "non-2xx" in found.errors:
        raise RuntimeError(f"wrk: {done.stdout[-600:]}{done.stderr[-300:]}")
    return found.requests


def idle(process: Process, place: tls_site.Site) -> float:
    """KB for one idle connection."""
    context = trusting(place)
    warm = [connect(place, context) for _ in range(IDLE // 5)]
    time.sleep(1.0)
    before = process.rss_mb()
    held = [connect(place, context) for _ in range(IDLE)]
    time.sleep(1.0)
    spent = (process.rss_mb() - before) * 1024 / IDLE
    for peer in (*warm, *held):
        peer.close()
    return spent


def half_open(process: Process, place: tls_site.Site, count: int) -> tuple[float, float]:
    """MB for so many half-open handshakes, and ms for a request beside them."""
    time.sleep(1.0)
    before = process.rss_mb()
    held = []
    for number in range(count):
        peer = socket.socket()
        peer.bind((f"127.0.{number // 200 % 200 + 1}.{number % 200 + 1}", 0))
        peer.connect((LOOPBACK, place.port))
        peer.sendall(HALF)
        held.append(peer)
    settled(process)
    spent = process.rss_mb() - before
    began = time.perf_counter()
    ask(place)
    waited = (time.perf_counter() - began) * 1000
    for peer in held:
        peer.close()
    return spent, waited


def settled(process: Process) -> None:
    """Wait until it has accepted all: until it does nothing."""
    before = process.cpu().total
    while True:
        time.sleep(0.05)
        now = process.cpu().total
        if now - before < 0.02:
            return
        before = now


def ratios(found: Found, case: str) -> list[float]:
    """Ours over HAProxy's, by round."""
    by_name = found[case]
    return [
        ours / theirs for ours, theirs in zip(by_name.get("noderouter", []), by_name.get("haproxy", []), strict=False)
    ]


def table(found: Found) -> str:
    """Medians, and the ratios."""
    lines = []
    for case, by_name in found.items():
        words = [f"{name} {median(values):.1f}" for name, values in by_name.items() if values]
        paired = ratios(found, case)
        words += [f"x haproxy {median(paired):.2f} ({min(paired):.2f}-{max(paired):.2f})"] if paired else []
        lines.append(f"{case:9} " + ", ".join(words))
    return "\n".join(lines)


def missed(found: Found, out: Callable[[str], None] = print) -> bool:
    """Print what is over its bar; whether anything is."""
    over = [
        f"{case}: {median(paired):.2f} x haproxy, {limit:g} wanted"
        for case, limit in LIMITS.items()
        if case in found and (paired := ratios(found, case)) and median(paired) > limit
    ]
    for case, limit, unit in (("idle", IDLE_KB, "KB"), ("half", HALF_MB, "MB")):
        values = found.get(case, {}).get("noderouter", [])
        if values and median(values) > limit:
            over.append(f"{case}: {median(values):.1f} {unit}, {limit:g} wanted")
    for line in over:
        out(f"FAIL  {line}")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
