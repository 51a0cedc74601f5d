"""A whole router for a test: in this process, or as a process of its own.

Configurations are plain dicts (JSON is a configuration, too). Port 0 lets the system choose, so tests can run beside
each other.
"""

import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trio
from structlog.testing import capture_logs

from noderouter.app import App
from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.proxy.router.router import Router
from noderouter.telemetry.json import NoSuchSubtree, flat, select
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import Answer, Http, ask, connect

Json = dict[str, Any]


TRUSTING: Json = {"overrides": {"trusted": ["127.0.0.0/8"]}}
"""Keys of a router: overrides from loopback may lead anywhere, as far as the destination policy goes."""

ON_LOOPBACK: Json = {"destinations": {"allow": ["127.0.0.0/8"]}}
"""Keys of a router: loopback is where tests have their services, also those that a name or an API leads to."""


def config(dtab: str = "", *, namers: Iterable[Json] = (), admin: Json | None = None, **router: Any) -> Json:
    """A configuration with one router, called `out`; `router` are further keys of it."""
    one = {"protocol": "http", "label": "out", "servers": [{"port": 0}], "dtab": dtab}
    return several([one | router], namers=namers, admin=admin)


def several(routers: list[Json], *, namers: Iterable[Json] = (), admin: Json | None = None) -> Json:
    """A configuration with these routers. Shutting down does not wait, unless `admin` says so."""
    return {"admin": {"port": 0, "shutdownGraceMs": 0} | (admin or {}), "namers": list(namers), "routers": routers}


def fs(root: Path, **keys: Any) -> Json:
    """The namer of address files."""
    return {"kind": "io.l5d.fs", "rootDir": str(root)} | keys


def inet(port: int) -> str:
    """The path of an address on the loopback."""
    return f"/$/inet/127.0.0.1/{port}"


def replace(path: Path, text: str) -> None:
    """Change a file in one step, as careful editors do."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)


class Running:
    """A router in this process; `events` is its log."""

    def __init__(self, app: App, events: list[MutableMapping[str, Any]]) -> None:
        self.app = app
        self.events = events
        self.admin_port: int = app._admin_socket.getsockname()[1]

    @property
    def port(self) -> int:
        """Where the first server of the first router listens."""
        return self.ports()[0]

    def ports(self, label: str | None = None) -> list[int]:
        """Where the servers of a router listen, or those of all."""
        servers = self.app.worker.servers
        return [each.listener.address[1] for each in servers if label in (None, each.assembly.config.label)]

    def router(self, label: str = "out") -> Router:
        """The router itself, to look into."""
        return self.app.worker.routers[label].router

    async def connect(self) -> Http:
        """A client connection to the first server."""
        return await connect(self.port)

    async def ask(self, host: str | None = "hello", target: str = "/", **keys: Any) -> Answer:
        """One request to the first server, on a connection of its own."""
        return await ask(self.port, host, target, **keys)

    async def answers(self, text: str | int, host: str = "hello", *, seconds: float = PATIENCE_SECONDS) -> None:
        """Ask until this is the text, or the status, of the answer: what was changed takes effect within moments."""
        http = await self.connect()
        with trio.fail_after(seconds):
            while text not in ((answer := await http.ask(host)).text, answer.status):
                await trio.sleep(0.005)
        await http.close()

    async def admin(self, target: str, method: str = "GET", **keys: Any) -> Answer:
        """One request to the administrative interface."""
        return await ask(self.admin_port, "localhost", target, method=method, **keys)

    async def metrics(self, below: str | None = None) -> dict[str, float]:
        """The metrics, flat; those below a node with paths relative to it. Empty where there is no such node (yet)."""
        try:
            samples = select(self.app.metrics, below)
        except NoSuchSubtree:
            return {}
        found: dict[str, float] = json.loads(b"".join(await flat(samples)))
        return found

    def connections(self) -> int:
        """Client connections of all servers."""
        return self.app.worker.servers.connections()


def checked(configuration: Json) -> Config:
    """The configuration, or a failed test with its problems."""
    made = validate_text(json.dumps(configuration))
    assert isinstance(made, Config), made
    return made


@asynccontextmanager
async def routing(configuration: Json) -> AsyncIterator[Running]:
    """A router while inside; it must end in time, and nothing in it may have failed unexpectedly."""
    app = App(checked(configuration))
    # What the router does to the garbage collector of its process is undone here; collecting takes too long.
    collector = patch.multiple("noderouter.memory", settle=gc.freeze, keep_settled=trio.sleep_forever)
    with capture_logs() as events, collector:
        async with trio.open_nursery() as nursery:
            ready = trio.Event()
            nursery.start_soon(app.run, lambda _app: ready.set())
            await ready.wait()
            try:
                yield Running(app, events)
            except BaseException:
                print("the router's last events:", *events[-30:], sep="\n")  # shown where the test has failed
                raise
            finally:
                nursery.cancel_scope.deadline = trio.current_time() + 10
                app.stopping.set()
                gc.unfreeze()
    assert not nursery.cancel_scope.cancelled_caught, "the router did not end"
    assert [event for event in events if event["event"] in ("reactor.crash", "exchange.fault")] == []


class Process:
    """A router as a process of its own; its log is JSON lines."""

    def __init__(self, process: trio.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def log(self, event: str | None = None) -> list[Json]:
        """What it logged so far, all of it or the events of one name."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if event in (None, line["event"])]

    def words(self) -> str:
        """Everything it wrote to standard error."""
        return self._log.read_text()

    async def until(self, event: str, seconds: float = PATIENCE_SECONDS) -> list[Json]:
        """Wait for an event in its log."""
        with trio.fail_after(seconds):
            while not (found := self.log(event)):
                assert self.process.poll() is None, self.words()
                await trio.sleep(0.01)
        return found

    async def ports(self) -> tuple[list[int], int]:
        """Where it listens, in the order of the configuration, and its administrative port."""
        admin = await self.until("admin.listening")
        return [line["port"] for line in self.log("server.listening")], admin[0]["port"]

    async def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; the exit code."""
        with trio.fail_after(seconds):
            return await self.process.wait()

    def descriptors(self) -> int:
        """How many file descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss_kb(self, most: bool = False) -> int:
        """Its resident memory, or the `most` that it ever was."""
        name = "VmHWM:" if most else "VmRSS:"
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


@asynccontextmanager
async def process(
    configuration: Json | str,
    directory: Path,
    *,
    prepare: Callable[[], None] | None = None,
    stdout: Path = Path(os.devnull),
) -> AsyncIterator[Process]:
    """`noderouter run` while inside; killed at the end if it still runs. `prepare` runs in the child before."""
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    file, log = directory / "noderouter.json", directory / "stderr"
    file.write_text(text)
    with log.open("wb") as stderr, stdout.open("wb") as out:
        child = await trio.lowlevel.open_process(
            [sys.executable, "-m", "noderouter.cli", "run", str(file)],
            stdout=out,
            stderr=stderr,
            preexec_fn=prepare,
        )
    try:
        yield Process(child, log)
    finally:
        if child.poll() is None:
            child.kill()
        with trio.CancelScope(shield=True):
            await child.wait()
