"""`python -m benchmarks.looking`: what it costs to look at a router that has much to show.

One router, one backend on all addresses of loopback, names with ten endpoints each. Every page is asked for by itself,
and the router says how long its thread was held at most (`benchmarks.looking_router`), and what CPU it took. With
`--browser`, a page is looked at for an hour, whose clock is turned by hand (`benchmarks.looking_browser`).
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import wrk
from benchmarks.__main__ import DOCS, machine
from benchmarks.backend import nginx_command, nginx_preamble
from benchmarks.looking_results import Page, Report, check, render
from benchmarks.process import Probe, Process
from benchmarks.tables import place
from benchmarks.topology import LOOPBACK, free_ports, name

MARKERS = ("<!-- looking:begin -->", "<!-- looking:end -->")
TOOLS: Final = ("wrk", "nginx", "taskset")
ENDPOINTS: Final = 10
SCRAPED: Final = 1000
SHOWN: Final = 300
ACCEPT: Final = {"html": "text/html", "json": "application/json", "text": "*/*"}
VIEWS: Final = ("/?n=100", "/services?n=100", "/endpoints?n=100", "/endpoints?all=1&n=5000", "/graph?n=100")
ROUTER: Final = ("-m", "benchmarks.looking_router")
FRESH_S: Final = 2.2
"""Looks are shared for two seconds."""
REQUESTS_A_NAME: Final = 20
"""So that each name has used its endpoints."""
LOAD_S: Final = 2
LOAD_LIMIT_S: Final = 300.0


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looking", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each page is asked for (default 5)")
    parser.add_argument("--scraped", type=int, default=SCRAPED, help=f"services of the scrapes (default {SCRAPED})")
    parser.add_argument("--shown", type=int, default=SHOWN, help=f"services of the pages (default {SHOWN})")
    parser.add_argument("--browser", type=int, default=0, metavar="MINUTES", help="also look for so long, in Chromium")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    parser.add_argument(
        "--from", type=Path, metavar="FILE", dest="source", help="use a written report, measure nothing"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the tables into docs/benchmarks.md")
    parser.add_argument("--check", action="store_true", help="print the bars; exit 1 where one is missed")
    return parser


def main() -> int:
    """Exit code: 0, or 1 where a bar was missed, or 2 where nothing could be measured."""
    options = arguments().parse_args()
    try:
        report = Report.load(options.source) if options.source else run(options)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"looking: {error}", file=sys.stderr)
        return 2
    if options.json:
        report.save(options.json)
    if options.update_docs:
        place(DOCS, render(report), MARKERS)
    verdict = check(report)
    print("\n".join(map(str, verdict)) if options.check else render(report))
    return 1 if options.check and not all(bar.passed for bar in verdict) else 0


@dataclass(frozen=True, slots=True)
class Router:
    """The router that is looked at."""

    admin: str
    process: "subprocess.Popen[str]"
    load: Callable[[], None]
    """Sends each name its requests: a graph is of the last minute."""

    def told(self) -> dict[str, Any]:
        """Return what happened since the last time.

        Raises:
            RuntimeError: it has ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the router has ended")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def routing(names: int) -> Iterator[Router]:
    """Start backend and router, and send each name its requests.

    Raises:
        RuntimeError: the load did not get through.
        StartError: the backend did not come up.
    """
    port, admin, far = free_ports(3)
    hosts = tuple(name(index) for index in range(names))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="looking-") as folder:
        directory = Path(folder)
        (directory / "backend").mkdir()
        (directory / "backend" / "nginx.conf").write_text(
            f"{nginx_preamble()}\nhttp {{ access_log off; keepalive_requests 1000000; keepalive_timeout 600s;\n"
            f"  server {{ listen 0.0.0.0:{far} backlog=4096; location / {{ return 200 ok; }} }} }}\n"
        )
        _names(directory / "names", hosts, far)
        (directory / "router.json").write_text(json.dumps(_config(directory / "names", port, admin)))
        with Process(nginx_command(directory / "backend", "nginx.conf"), 1, directory / "log") as backend:
            up = Probe(far, "/", "x")
            backend.await_startup(up, up)
            command = [sys.executable, *ROUTER, str(directory / "router.json")]
            with subprocess.Popen(
                ["taskset", "-c", "0", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as process:
                try:
                    ready = Probe(admin, "/readyz", "localhost")
                    while not ready():
                        if process.poll() is not None:
                            raise RuntimeError("the router did not come up")
                        time.sleep(0.1)
                    load = partial(_load, directory, port, hosts)
                    load()
                    yield Router(f"http://{LOOPBACK}:{admin}", process, load)
                finally:
                    assert process.stdin is not None
                    process.stdin.close()
                    process.wait(30)


def _names(folder: Path, hosts: tuple[str, ...], port: int) -> None:
    folder.mkdir()
    for index, host in enumerate(hosts):
        high, low = divmod(index, 250)
        lines = (f"127.{1 + high}.{low}.{1 + each} {port}\n" for each in range(ENDPOINTS))
        (folder / host).write_text("".join(lines))


def _config(names: Path, port: int, admin: int) -> dict[str, Any]:
    return {
        "admin": {"ip": LOOPBACK, "port": admin},
        "overload": {"lagHighMs": 60_000, "bindingsPerSecond": 100_000, "bindingBurst": 100_000},
        "namers": [{"kind": "io.l5d.fs", "rootDir": str(names)}],
        "routers": [
            {
                "protocol": "http",
                "label": "http",
                "dtab": "/svc => /#/io.l5d.fs;",
                "bindingCache": {"paths": 2000, "bounds": 2000},
                "servers": [{"ip": LOOPBACK, "port": port}],
            }
        ],
    }


def _load(directory: Path, port: int, hosts: tuple[str, ...]) -> None:
    script = directory / "names.lua"
    script.write_text(wrk.names_script(hosts))
    command = wrk.command(f"http://{LOOPBACK}:{port}/x", 16, LOAD_S, (), str(script))
    sent, until = 0, time.monotonic() + LOAD_LIMIT_S
    while sent < REQUESTS_A_NAME * len(hosts):
        done = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True, check=False)
        load = wrk.parse(done.stdout)
        sent += load.requests
        if load.errors or time.monotonic() > until:
            raise RuntimeError(f"the load did not get through: {load}")


def run(options: argparse.Namespace) -> Report:
    """Look at everything.

    Raises:
        ValueError: a tool or the browser is missing.
        RuntimeError: router or load failed.
    """
    if names := [each for each in TOOLS if shutil.which(each) is None]:
        raise ValueError(f"needs {' '.join(names)} (Debian: wrk nginx util-linux)")
    pages: list[Page] = []
    seen: dict[str, float] = {}
    with routing(options.scraped) as router:
        for path in ("/metrics", "/admin/metrics/prometheus", "/admin/metrics.json"):
            pages += asked(router, path, "text", options.rounds, 1.2)
    with routing(options.shown) as router:
        for path in VIEWS:
            router.load()
            for form in ACCEPT:
                pages += asked(router, path, form, options.rounds, FRESH_S)
        if options.browser:
            from benchmarks.looking_browser import look

            seen = look(router.admin, options.browser)
    settings = {"rounds": options.rounds, "scraped": options.scraped, "shown": options.shown} | {
        "minutes": options.browser
    }
    return Report(datetime.now(UTC).date().isoformat(), machine(), settings, pages, seen)


def asked(router: Router, path: str, form: str, rounds: int, pause: float) -> Iterator[Page]:
    """Ask for a page, once without counting."""
    get = _getter(router.admin + path, ACCEPT[form])
    get()
    for _ in range(rounds):
        time.sleep(pause)
        before = router.told()
        size, made = get()
        after = router.told()
        page = Page(path, form, size, after["held_s"], after["cpu_s"] - before["cpu_s"], made)
        print(
            f"{path:28} {form:5} {page.size / 1e3:8.0f} KB  held {page.held_s * 1e3:6.2f} ms, "
            f"{page.cpu_s * 1e3:6.1f} ms CPU",
            file=sys.stderr,
        )
        yield page


def _getter(url: str, accept: str) -> Callable[[], tuple[int, float]]:
    def get() -> tuple[int, float]:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"accept": accept}), timeout=120) as answer:
            took = (answer.headers.get("server-timing") or "0").rpartition("=")[2]
            return len(answer.read()), float(took) / 1e3

    return get


if __name__ == "__main__":
    sys.exit(main())
