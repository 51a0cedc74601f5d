"""A router whose logs nobody reads, or whose reader has gone (issue 9, section 2): it goes on serving."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from tests.testing.http import Http, ask, connect
from tests.testing.loop import until
from tests.testing.ports import free_ports
from tests.testing.router import config, fs

PIPE_BYTES = 4096
EVENTS = 20
"""Of one name, in ten seconds: `log.BURST`."""


def small_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reading, writing


class Unread:
    """A router that writes to a pipe of 4 KB."""

    def __init__(self, root: Path, queue_kb: int) -> None:
        self.port, self.admin_port = free_ports(2)
        self.root = root
        self.reading, writing = small_pipe()
        configuration = config(
            "/svc => /#/io.l5d.fs",
            namers=[fs(root)],
            admin={"port": self.admin_port},
            servers=[{"port": self.port}],
        )
        configuration["log"] = {"maxQueueKB": queue_kb}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "noderouter.cli", "run", "-"], stdin=subprocess.PIPE, stderr=writing
        )
        os.close(writing)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(configuration).encode())
        self.process.stdin.close()

    async def up(self) -> Http:
        """A connection, once there is somebody."""
        while True:
            try:
                return await connect(self.port)
            except OSError:
                assert self.process.poll() is None
                await trio.sleep(0.01)

    def unread(self) -> int:
        """Bytes in the pipe."""
        return int.from_bytes(fcntl.ioctl(self.reading, 0x541B, bytes(4)), sys.byteorder)  # FIONREAD

    def address_files(self, text: str) -> None:
        """Write one for each name; those with a mistake are logged when they are asked for."""
        for number in range(EVENTS):
            fresh = self.root / ".new"
            fresh.write_text(text)
            os.replace(fresh, self.root / name(number))

    async def metric(self, path: str) -> float:
        answer = await ask(self.admin_port, "localhost", f"/admin/metrics.json?q={path}")
        (value,) = json.loads(answer.text).values()
        return float(value)

    def close(self) -> None:
        if self.reading >= 0:
            os.close(self.reading)
        self.process.kill()
        self.process.wait()


def name(number: int) -> str:
    """Long ones: 20 lines have to be more than the pipe holds."""
    return f"{'x' * 150}-{number}"


@asynccontextmanager
async def unread(root: Path, *, queue_kb: int = 1024) -> AsyncIterator[tuple[Unread, Http]]:
    """The router, when 20 lines of 300 bytes and more have been logged, and a connection that is served."""
    router = Unread(root, queue_kb)
    try:
        with trio.fail_after(30):
            http = await router.up()
            router.address_files("no address\n")
            for number in range(EVENTS):
                assert (await http.ask(name(number))).status == 502
            try:
                await until(lambda: router.unread() > PIPE_BYTES - 1024)
                yield router, http
            finally:
                await http.close()
    finally:
        router.close()


async def test_it_serves_on_and_lines_stay_whole_and_a_reader_that_goes_changes_nothing(tmp_path):
    async with unread(tmp_path) as (router, http):
        for number in range(2000):
            assert (await http.ask(f"unknown-{number % 10}")).status == 502
        assert await router.metric("log/queued_bytes") > 0
        assert await router.metric("log/dropped") == 0
        lines = await trio.to_thread.run_sync(read_events, router.reading, "fs.invalid", EVENTS)
        said = [line["name"] for line in lines if line["event"] == "fs.invalid"]
        assert said == [f"/#/io.l5d.fs/{name(n)}" for n in range(EVENTS)]

        os.close(router.reading)
        router.reading = -1
        router.address_files("127.0.0.1 1\n")
        for number in range(EVENTS):
            await until_logged(http, number)
        for number in range(1000):
            assert (await http.ask(f"unknown-{number % 10}")).status == 502
        assert await router.metric("log/dropped") >= EVENTS
        router.process.send_signal(signal.SIGTERM)
        assert await trio.to_thread.run_sync(router.process.wait) == 0


def read_events(reading: int, event: str, count: int) -> list[dict]:
    """All lines, until there are so many of one event; each is JSON."""
    data = b""
    while data.count(b'"%b"' % event.encode()) < count or not data.endswith(b"\n"):
        data += os.read(reading, 65536)
    return [json.loads(line) for line in data.splitlines()]


async def until_logged(http: Http, number: int) -> None:
    """Until the router has seen that a file is right, which it says."""
    while "Unable to route" in (await http.ask(name(number))).text:
        await trio.sleep(0.005)


async def test_what_finds_no_place_is_counted_and_told_when_somebody_reads_again(tmp_path):
    async with unread(tmp_path, queue_kb=4) as (router, _):
        assert await router.metric("log/dropped") > 0
        lines = await trio.to_thread.run_sync(read_events, router.reading, "log.dropped", 1)
        dropped = await router.metric("log/dropped")
        assert (lines[-1]["event"], lines[-1]["lines"]) == ("log.dropped", dropped)
        assert EVENTS - dropped <= sum(line["event"] == "fs.invalid" for line in lines) <= EVENTS


@pytest.mark.parametrize("signals", [1, 2])
async def test_it_ends_though_nobody_reads(tmp_path, signals):
    async with unread(tmp_path) as (router, http):
        router.process.send_signal(signal.SIGTERM)
        if signals == 1:
            assert await http.peer.rest() == b""
        while signals == 2 and router.process.poll() is None:
            router.process.send_signal(signal.SIGTERM)
            await trio.sleep(0.01)
        code = await trio.to_thread.run_sync(router.process.wait)
        # One that comes when the first has done its work finds nobody who heeds it.
        assert code in ((0,) if signals == 1 else (128 + signal.SIGTERM, -signal.SIGTERM))


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"httpAccessLog": "/dev/stdout"}, b"hello 127.0.0.1 - - ["),
        ({"httpAccessLog": "-"}, b"hello 127.0.0.1 - - ["),
        ({"httpAccessLog": "-", "httpAccessLogFormat": "json"}, b'{"time":"'),
    ],
)
async def test_an_access_log_on_standard_output_that_nobody_reads(tmp_path, keys, line):
    """2 MB of it wait, and then it is dropped; standard output shares its open file with us, and keeps its flags."""
    reading, writing = small_pipe()
    port, admin_port = free_ports(2)
    configuration = config("/svc => /$/nil", admin={"port": admin_port}, servers=[{"port": port}])
    configuration["routers"][0] |= keys
    file = tmp_path / "noderouter.json"
    file.write_text(json.dumps(configuration))
    with (tmp_path / "stderr").open("w") as err:
        router = subprocess.Popen(
            [sys.executable, "-m", "noderouter.cli", "run", str(file)], stdout=writing, stderr=err
        )
    try:
        with trio.fail_after(30):
            await until(lambda: "admin.listening" in (tmp_path / "stderr").read_text(), 20)
            http = await connect(port)
            for number in range(900):
                assert (await http.ask("hello", f"/{number}-{'x' * 5000}")).status == 502
            metrics = json.loads((await ask(admin_port, "localhost", "/admin/metrics.json?q=rt/out/access_log")).text)
            assert metrics["dropped"] > 100
            assert 1024 * 1024 < metrics["queued_bytes"] <= 2 * 1024 * 1024
            await until(lambda: "access_log.failed" in (tmp_path / "stderr").read_text())
            assert os.get_blocking(writing)
            data = await trio.to_thread.run_sync(os.read, reading, 1_000_000)
            assert data.startswith(line)
            os.close(reading)
            reading = -1
            assert (await http.ask()).status == 502
            await http.close()
            router.send_signal(signal.SIGTERM)
            assert await trio.to_thread.run_sync(router.wait) == 0
    finally:
        router.kill()
        router.wait()
        for end in (reading, writing):
            if end >= 0:
                os.close(end)
