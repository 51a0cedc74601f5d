"""Real collectors of traces, each a process on loopback: Jaeger, and OpenTelemetry's Collector."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cluster import binaries
from tests.testing.http import ask
from tests.testing.ports import free_ports
from tests.testing.spans import Seen, of_jaeger, of_otlp

UP_SECONDS = 60.0


def command(name: str) -> Path:
    """The path of a collector; the test is skipped where it is not built."""
    try:
        return binaries.find(name)
    except binaries.MissingCommand as missing:
        pytest.skip(str(missing))


class Jaeger:
    """Takes OTLP over HTTP at `otlp`, Zipkin's JSON at `zipkin`, and is asked at `query`."""

    def __init__(self, otlp: int, zipkin: int, query: int) -> None:
        self.otlp, self.zipkin, self.query = otlp, zipkin, query

    async def trace(self, trace_id: str) -> list[Seen]:
        """The spans of a trace so far."""
        answer = await ask(self.query, "localhost", f"/api/traces/{trace_id}")
        return of_jaeger(json.loads(answer.body)) if answer.status == 200 else []


def _objects(file: Path) -> list[Any]:
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def attributes(of: list[Any]) -> dict[str, Any]:
    """Attributes of OTLP's JSON, those of one value."""

    def plain(value: dict[str, Any]) -> Any:
        ((kind, found),) = value.items() or [("none", None)]
        return int(found) if kind == "intValue" else found

    return {each["key"]: plain(each["value"]) for each in of}


class Collector:
    """Takes OTLP over HTTP at `otlp`, reads files, and writes all of it to files."""

    def __init__(self, otlp: int, file: Path, logs: Path) -> None:
        self.otlp = otlp
        self._file = file
        self._logs = logs

    def requests(self) -> list[Any]:
        """What it has written so far: one object for each batch."""
        return _objects(self._file)

    def logs(self) -> list[Any]:
        """The records of logs that it has written so far."""
        return [
            record
            for request in _objects(self._logs)
            for of_resource in request["resourceLogs"]
            for scope in of_resource["scopeLogs"]
            for record in scope["logRecords"]
        ]

    async def trace(self, trace_id: str) -> list[Seen]:
        """The spans of a trace so far."""
        found = [span for request in self.requests() for span in of_otlp(request)]
        return [span for span in found if span.trace == trace_id]


@asynccontextmanager
async def jaeger(folder: Path) -> AsyncIterator[Jaeger]:
    """Jaeger, all in one, with its memory as its store."""
    otlp, zipkin, query, *others = free_ports(8)
    where = {
        "collector.otlp.http": otlp,
        "collector.zipkin": zipkin,
        "query.http-server": query,
        "query.grpc-server": others[0],
        "collector.otlp.grpc": others[1],
        "collector.grpc-server": others[2],
        "collector.http-server": others[3],
        "admin.http": others[4],
    }
    argv = [str(command("jaeger")), *(f"--{name}.host-port=127.0.0.1:{port}" for name, port in where.items())]
    async with _running(argv, folder / "jaeger.log", [otlp, zipkin, query]):
        yield Jaeger(otlp, zipkin, query)


@asynccontextmanager
async def collector(folder: Path, filelog: dict[str, Any] | None = None) -> AsyncIterator[Collector]:
    """OpenTelemetry's Collector; `filelog` are the keys of the receiver that reads files, if there is to be one."""
    (otlp,) = free_ports(1)
    file, logs, configuration = folder / "spans.jsonl", folder / "logs.jsonl", folder / "collector.json"
    files = {} if filelog is None else {"filelog": filelog}
    configuration.write_text(
        json.dumps(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}, **files},
                "exporters": {
                    "file": {"path": str(file), "flush_interval": "50ms"},
                    "file/logs": {"path": str(logs), "flush_interval": "50ms"},
                },
                "service": {
                    "telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {
                        "traces": {"receivers": ["otlp"], "exporters": ["file"]},
                        "logs": {"receivers": ["otlp", *files], "exporters": ["file/logs"]},
                    },
                },
            }
        )
    )
    async with _running([str(command("otelcol")), "--config", str(configuration)], folder / "collector.log", [otlp]):
        yield Collector(otlp, file, logs)


@asynccontextmanager
async def _running(argv: list[str], log: Path, ports: list[int]) -> AsyncIterator[None]:
    """A process, from when it listens to the end."""
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": os.defpath, "HOME": str(log.parent)},
        )
    try:
        with trio.fail_after(UP_SECONDS):
            for port in ports:
                while not await _listens(port):
                    assert process.poll() is None, log.read_text()
                    await trio.sleep(0.02)
        yield
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True
