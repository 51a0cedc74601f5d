"""The chart's alerts and dashboards at a real Prometheus: it scrapes routers in which everything is wrong at once.

Each fault is a real one, of routers in this process; every alert has to fire, every query of the dashboards to have
data. Then all is put right, and every alert has to end. A minute of the chart's rules is two seconds here.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import pytest
import trio

from noderouter.interception.keeper.protocol import Message, Pods, Progress, Services, encode
from noderouter.tokens import key_source
from tests.charts.helm import Helm, one
from tests.charts.noderouter.faltering import ROUTER, Faltering, call, send_pings
from tests.charts.noderouter.test_monitoring import DASHBOARDS, queries
from tests.noderouter.interception.control.keepers import FakeKeeper, fake_keeper
from tests.testing.api_server import ApiServer, api_server
from tests.testing.backend import Backend, Got, backend, response
from tests.testing.http2 import http2_origin
from tests.testing.kube import port, service
from tests.testing.kube_pods import NODE, namespace, pod
from tests.testing.ports import free_ports
from tests.testing.prometheus import PACES, Prometheus, hurried, prometheus
from tests.testing.router import Running, config, fs, routing
from tests.testing.tls import leaf, server_keys, write_files
from tests.testing.tokens import AUDIENCE, KeyServer, ec_key, jwks, key_server

DTAB = "/svc => /#/io.l5d.fs ;\n"
OTHER = "/svc => /#/io.l5d.fs ; /other => /svc ;\n"
SECONDS = 120.0
"""Until all alerts fire, or none does, on a machine that does much else."""
FLOOD = 80
"""Requests of which the lines are more than the 2 MB that may wait."""
LONG = [(name, '"' * 4096) for name in ("user-agent", "referer")]
PODS = ("main", "names", "captured", "streams", "busy", "away")


async def failing(_got: Got) -> bytes:
    return response("no", "503 No")


async def slow(_got: Got) -> bytes:
    await trio.sleep(3.5)
    return response("late")


async def refused(_got: Got) -> bytes:
    return response("no", "400 Bad Request")


def stubborn(keeper: FakeKeeper, message: Message) -> bytes | None:
    """What a keeper answers whose kernel takes no list."""
    if isinstance(message, Pods | Services):
        what = type(message).__name__.lower()
        return encode("applied", {"what": what, "generation": message.generation, "error": "the kernel says no"})
    if isinstance(message, Progress):
        return encode("state", {"armed": False, "why": "nothing is in force"})
    return keeper.usual(message)


class Node:
    """Routers, and what they depend on, with all that can be wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(PODS, free_ports(len(PODS)), strict=True))
        self.wrong = True
        self.running: list[tuple[Any, trio.Event, trio.Event]] = []
        self.nursery: trio.Nursery
        self.asking: trio.Nursery
        self.hello: Backend
        self.late: Backend
        self.collector: Backend
        self.api: ApiServer
        self.keeper: FakeKeeper
        self.keys: KeyServer
        self.main: Running
        self.names: Running
        self.captured: Running
        self.streams: Running
        self.faltering = Faltering()

    def router(self, name: str, **keys: Any) -> dict[str, Any]:
        """A configuration whose dtab is stored in a file."""
        stored = {"kind": "io.l5d.fs", "dtabFile": str(self.folder / f"{name}.dtab")}
        return config(interpreter=stored, namers=[fs(self.folder / "disco")], admin={"port": self.ports[name]}, **keys)

    async def begin(self, nursery: trio.Nursery) -> None:
        """Start all but one router, and break what can be broken."""
        self.nursery = nursery
        enter = self.enter
        (self.folder / "disco").mkdir()
        for name, dtab in {"main": DTAB, "names": OTHER, "streams": DTAB, "busy": DTAB, "away": DTAB}.items():
            (self.folder / f"{name}.dtab").write_text(dtab)
        self.hello, self.late, self.collector = [await enter(backend(name)) for name in ("hello", "late", "spans")]
        self.hello.respond, self.late.respond, self.collector.respond = failing, slow, refused
        calls = await enter(http2_origin(self.faltering))
        (self.folder / "policies").write_text("[]\n")
        policy = {"kind": "io.noderouter.fs", "policiesFile": str(self.folder / "policies")}
        self.streams = await enter(routing(self.router("streams", **ROUTER) | {"policy": policy}))
        (self.folder / "disco" / "calls").write_text(f"127.0.0.1 {calls.port}")
        for name, text in {"hello": self.hello.address, "late": self.late.address, "none": ""}.items():
            (self.folder / "disco" / name).write_text(text)
        budget = {"minRetriesPerSec": 0, "percentCanRetry": 0, "ttlSecs": 1}
        retrying = {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}, "retries": {"budget": budget}}
        ejecting = {"kind": "io.l5d.consecutiveFailures", "failures": 2, "backoff": {"kind": "constant", "ms": 500}}
        spans = {"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": self.collector.port, "sampleRate": 1.0}
        servers = [
            {"port": 0},
            {"port": 0, "tls": server_keys(self.folder, leaf())},
            {"port": 0, "jwt": await self.issuers()},
        ]
        made = self.router("main", service=retrying, client={"failureAccrual": ejecting}, servers=servers)
        logs = {"kind": "io.l5d.otlpLogs", "endpoint": f"http://127.0.0.1:{self.collector.port}"}
        events = {"kind": "io.l5d.otlpEvents", "endpoint": f"http://127.0.0.1:{self.collector.port}"}
        self.main = await enter(routing(made | {"telemetry": [spans, logs, events]}))
        log = str(self.folder / "log" / "access")
        self.names = await enter(routing(self.router("names", httpAccessLog=log) | {"metrics": {"maxNames": 8}}))
        self.api, self.keeper = await enter(api_server()), await enter(fake_keeper(self.folder / "keeper"))
        self.keeper.answer = partial(stubborn, self.keeper)
        self.api.faults.bookmark_every = 1.0  # the real one's, as hurried as the rules
        for plural, thing in (
            ("namespaces", namespace("default")),
            ("services", service("hello", port(80, name="http"), clusterIP="10.96.0.2")),
            ("pods", pod("web", "10.0.0.1")),
        ):
            self.api.store.put(plural, thing)
        intercept = {
            "socket": str(self.keeper.path),
            "nodeName": NODE,
            "k8sHost": "127.0.0.1",
            "k8sPort": self.api.port,
        }
        made = config(
            "/svc => /$/inet/127.0.0.1",
            label="captured",
            servers=[{"port": 0}, {"port": 0, "capture": {}}],
            admin={"port": self.ports["captured"]},
        )
        self.captured = await enter(routing(made | {"intercept": intercept}))
        await enter(routing(self.router("busy") | {"overload": {"maxMemoryMB": 1}}))
        (self.folder / "main.dtab").write_text("/svc => nowhere ;\n")
        (self.folder / "tls.crt").write_text("nothing")
        (self.folder / "policies").write_text("- nowhere\n")
        with trio.fail_after(SECONDS):
            while not self.keeper.count(Pods):
                await trio.sleep(0.02)
        self.api.away()
        self.load()

    async def issuers(self) -> list[dict[str, Any]]:
        """Two that give no keys: those of one were had two hours ago, of the other never."""
        self.keys = await self.enter(key_server(self.folder))
        self.keys.say = self.keys.answering(b"no", "503 No")
        old, never = self.keys.uri(), f"{self.keys.uri()}&never"
        kept = {"uri": old, "fetched": int(time()) - 7200, "keys": jwks(ec_key()).decode()}
        (self.folder / "kept").write_text(json.dumps(kept))
        issuer = {"audiences": [AUDIENCE], "trustCerts": [self.keys.trust]}
        return [
            issuer | {"issuer": "https://old.test", "jwksUri": old, "lastGood": str(self.folder / "kept")},
            issuer | {"issuer": "https://never.test", "jwksUri": never},
        ]

    async def enter(self, context: AbstractAsyncContextManager[Any]) -> Any:
        """What a context is of that lasts until `leave`."""

        async def last(task_status: trio.TaskStatus[Any]) -> None:
            stop, ended = trio.Event(), trio.Event()
            async with context as made:
                self.running.append((made, stop, ended))
                task_status.started(made)
                await stop.wait()
                if isinstance(made, Running):  # those of `crash`
                    made.events[:] = [event for event in made.events if event["event"] != "reactor.crash"]
            ended.set()

        return await self.nursery.start(last)

    async def leave(self) -> None:
        """End the context that was entered last."""
        _made, stop, ended = self.running.pop()
        stop.set()
        await ended.wait()

    def load(self) -> None:
        """Requests, until the test ends."""

        async def flood() -> None:
            for _ in range(FLOOD):
                await self.names.ask("none", fields=LONG)

        async def ever(ask: Callable[[int], Awaitable[Any]]) -> None:
            for number in count():
                await ask(number)
                await trio.sleep(0.3)

        async def asked(number: int) -> None:
            await self.main.ask("hello")
            await self.main.ask("none")
            if self.wrong:
                await self.names.ask(f"name-{number}", fields=LONG)

        async def called(_number: int) -> None:
            await call(self.streams.port, "/calls/method", 3)
            if self.wrong:
                await send_pings(self.streams.port)

        async def crashed(_number: int) -> None:
            if self.wrong:
                await crash(self.captured)

        self.asking.start_soon(flood)
        self.asking.start_soon(ever, asked)
        self.asking.start_soon(ever, crashed)
        self.asking.start_soon(ever, called)
        for _ in range(2):
            self.asking.start_soon(ever, lambda _number: self.main.ask("late"))

    async def mend(self) -> None:
        """Put right what is wrong."""
        self.wrong = self.faltering.wrong = False
        self.hello.respond = self.late.respond = self.collector.respond = self.hello.say_name
        (self.folder / "disco" / "none").write_text(self.late.address)
        for name in ("main", "names"):
            (self.folder / f"{name}.dtab").write_text(DTAB)
        (self.folder / "policies").write_text("[]\n")
        (self.folder / "log").mkdir()
        write_files(self.folder, leaf(days=100))
        self.keys.has(ec_key())
        self.keeper.answer = self.keeper.usual
        self.keeper.cut()
        self.nursery.start_soon(self.api.run)
        await self.leave()
        for name in ("busy", "away"):
            await self.enter(routing(self.router(name)))


async def crash(router: Running) -> None:
    """Have a coroutine of the data plane end in an error that nobody expects."""

    async def wrong() -> None:
        raise ZeroDivisionError

    router.app.worker.reactor.spawn(wrong(), "test")
    await trio.sleep(0)


@asynccontextmanager
async def node(folder: Path) -> AsyncIterator[Node]:
    """A node with everything wrong, under load."""
    made = Node(folder)
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as made.asking:
            await made.begin(nursery)
            yield made
            made.asking.cancel_scope.cancel()
        while made.running:
            await made.leave()
        nursery.cancel_scope.cancel()


async def until(prometheus: Prometheus, right: Callable[[set[str]], bool]) -> set[str]:
    """Wait until the names of the alerts that fire are right; they, or what they were at the end."""
    found: set[str] = set()
    with trio.move_on_after(SECONDS):
        while not right(found := set(await prometheus.firing())):
            await trio.sleep(0.5)
    return found


@pytest.mark.slow
async def test_every_alert_fires_and_ends_and_every_query_has_data(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("opentelemetry.proto.logs.v1.logs_pb2")
    monkeypatch.setattr(key_source, "PAUSES", (0.5, 2.0))
    values = {"metrics": {"prometheusRule": {"enabled": True, "latencyP99Ms": 2000}}}
    spec = one(helm.objects(values), "PrometheusRule")["spec"]
    alerts = {rule["alert"] for group in spec["groups"] for rule in group["rules"]}
    async with node(tmp_path) as broken:
        pods = {f"noderouter-{name}": number for name, number in broken.ports.items()}
        for pace in PACES:
            seen: set[str] = set()

            def all_seen(now: set[str], seen: set[str] = seen) -> bool:
                seen.update(now)
                return seen == alerts

            async with prometheus(tmp_path, pods, hurried(spec, pace), {"namespace": "noderouter"}, pace) as prom:
                await until(prom, all_seen)
                if alerts - seen and pace != PACES[-1]:
                    continue
                assert alerts - seen == set()
                for file in DASHBOARDS:
                    empty = [query for query in queries(file) if not await prom.query(query.replace("[5m]", "[30s]"))]
                    assert empty == [], file.stem
                await broken.mend()
                assert await until(prom, lambda now: not now) == set()
                return
