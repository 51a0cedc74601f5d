"""The router as a process: exit codes, signals, draining, what it says (issue sections 6 and 7)."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio

from noderouter.servers import Servers
from tests.testing.backend import backend, response
from tests.testing.busy import BUSY_SECONDS
from tests.testing.http import ask, connect
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.router import config, inet, process, routing

SIGTERM_CAUGHT = 1 << (signal.SIGTERM - 1)


def run(*arguments, text=None, seconds=20):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "noderouter.cli", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def graceful(dtab, milliseconds=10_000, **keys):
    """A configuration that drains for so long at most."""
    return config(dtab, admin={"shutdownGraceMs": milliseconds}, **keys)


# Starting


def test_an_invalid_configuration(tmp_path):
    ended = run("run", "-", text="routers: []\nroutes: 1\n")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) >= 2
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_an_error_that_says_which():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("run", "-", text=json.dumps(config(servers=[{"port": port}])))
        assert ended.returncode == 1
        assert f"127.0.0.1:{port}" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "listens there" in ended.stderr


async def test_a_start_says_where_it_listens_and_is_ready_soon(tmp_path):
    async with backend() as service:
        started = time.monotonic()
        async with process(config(f"/svc => {inet(service.port)}"), tmp_path) as router:
            await router.until("server.listening")
            port = router.log("server.listening")[0]["port"]
            assert (await ask(port)).text == "hello"
            assert time.monotonic() - started < 5.0 + BUSY_SECONDS
            (ports, admin) = await router.ports()
            assert ports == [port]
            assert (await ask(admin, "localhost", target="/admin/ping")).text == "pong"


# Ending


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
@pytest.mark.parametrize("command", [("run", "-"), ("validate", "-")])
def test_the_first_process_of_a_container_is_told_to_end_while_it_starts(command):
    """The kernel drops what such a process has no handler for; here it reads its configuration, which does not end."""
    isolation = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "noderouter.cli"]
    with subprocess.Popen([*isolation, *command], stdin=subprocess.PIPE) as outer:
        try:
            first = eventually(lambda: Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split())[0]
            eventually(lambda: SIGTERM_CAUGHT & int(status(first)["SigCgt"], 16))
            os.kill(int(first), signal.SIGTERM)
            assert outer.wait(30) == 128 + signal.SIGTERM
        finally:
            outer.kill()


def status(pid):
    """What `/proc` has of a process, by name."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def eventually(look):
    """What `look` finds."""
    end = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


async def test_signals_are_heeded_before_anybody_can_see_it_listen(monkeypatch):
    seen = []
    opened = Servers.open

    async def open(self, *arguments):
        seen.append(signal.getsignal(signal.SIGTERM))
        await opened(self, *arguments)

    monkeypatch.setattr(Servers, "open", open)
    async with routing(config("/svc => /$/inet/127.0.0.1/1")):
        assert len(seen) == 1
    assert seen != [signal.SIG_DFL]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_without_connections_ends_at_once(tmp_path, number):
    async with process(graceful("/svc => /$/nil"), tmp_path) as router:
        _, admin = await router.ports()
        await ask(admin, "localhost", target="/admin/ping")
        started = time.monotonic()
        router.process.send_signal(number)
        assert await router.ended() == 0
        assert time.monotonic() - started < 3.0
        assert router.log("router.stopped")
        assert "Traceback" not in router.words()


async def test_requests_in_flight_complete(tmp_path):
    """A body of more than a second, an idle client, and a keep-alive client that asks once more while draining."""

    async def slowly(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await trio.sleep(0.1)
            await peer.send(b"x")

    async with origin(slowly) as server, backend() as service:
        dtab = f"/svc/slow => {inet(server.port)} ; /svc/hello => {inet(service.port)}"
        async with process(graceful(dtab), tmp_path) as router:
            (port,), _ = await router.ports()
            busy, idle, again = [await connect(port) for _ in range(3)]
            await again.ask()
            await busy.send("slow")
            await until(lambda: server.peers)
            router.process.send_signal(signal.SIGTERM)
            await router.until("router.draining")
            answer = await again.ask()
            assert (answer.status, answer["connection"]) == (200, "close")
            answer = await busy.answer()
            assert answer.body == b"x" * 12
            assert await idle.peer.rest() == b""
            assert await router.ended() == 0
            with pytest.raises(OSError, match="all attempts to connect"):
                await connect(port)
            for http in (busy, again):
                await http.close()


async def test_draining_under_load_loses_no_request(tmp_path):
    """Every client is told with an answer that its connection ends, and none finds it closed without."""
    answered = []

    async def until_told(port):
        http = await connect(port)
        while True:
            answer = await http.ask()
            assert answer.text == "hello"
            answered.append(answer)
            if answer["connection"] == "close":
                assert await http.peer.rest() == b""
                return

    async with backend() as service, process(graceful(f"/svc => {inet(service.port)}"), tmp_path) as router:
        (port,), _ = await router.ports()
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(until_told, port)
            await until(lambda: len(answered) > 100)
            router.process.send_signal(signal.SIGTERM)
        assert await router.ended() == 0
        assert len(service.got) == len(answered)


async def test_a_response_that_begins_while_draining_closes_its_connection(tmp_path):
    release = trio.Event()

    async def late(_got):
        await release.wait()
        return response("late")

    async with backend() as service:
        service.respond = late
        async with process(graceful(f"/svc => {inet(service.port)}"), tmp_path) as router:
            (port,), admin = await router.ports()
            http = await connect(port)
            await http.send()
            await until(lambda: service.got)
            router.process.send_signal(signal.SIGTERM)
            await router.until("router.draining")
            assert (await ask(admin, "localhost", target="/readyz")).status == 503  # no new requests, please
            assert (await ask(admin, "localhost", target="/livez")).status == 200
            release.set()
            answer = await http.answer()
            assert (answer.text, answer["connection"]) == ("late", "close")
            assert await router.ended() == 0
            await http.close()


@pytest.mark.parametrize("minor", [0, 1])
async def test_the_drain_has_a_deadline(tmp_path, minor):
    """What is cut must not look complete, not even where the end of the connection is the end of the body."""

    async def endless(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x")
            await trio.sleep(0.02)

    async with origin(endless) as server:
        async with process(graceful(f"/svc => {inet(server.port)}", 500), tmp_path) as router:
            (port,), _ = await router.ports()
            http, uploading = [await connect(port) for _ in range(2)]
            await http.send(minor=minor)
            await http.peer.head()
            await uploading.peer.send(b"POST / HTTP/1.1\r\nHost: hello\r\nContent-Length: 100000\r\n\r\nx")
            await uploading.peer.head()
            started = time.monotonic()
            router.process.send_signal(signal.SIGTERM)
            body = await http.peer.rest()
            assert http.peer.reset or not body.endswith(b"0\r\n\r\n")
            assert http.peer.reset or minor == 1
            assert await router.ended() == 0
            assert 0.4 < time.monotonic() - started < 3.0
            assert router.log("router.drain_deadline")
            assert router.log("reactor.crash") == []
            await uploading.close()


async def test_a_second_signal_ends_at_once(tmp_path):
    async with backend() as service:

        async def stuck(_got):
            await trio.sleep_forever()

        service.respond = stuck
        async with process(graceful(f"/svc => {inet(service.port)}", 60_000), tmp_path) as router:
            (port,), _ = await router.ports()
            http = await connect(port)
            await http.send()
            await until(lambda: service.got)
            router.process.send_signal(signal.SIGTERM)
            await router.until("router.draining")
            started = time.monotonic()
            router.process.send_signal(signal.SIGTERM)
            assert await router.ended() == 128 + signal.SIGTERM
            assert time.monotonic() - started < 1.0
            await http.close()


async def test_a_signal_after_a_requested_shutdown_does_not_cut_it_short(tmp_path):
    """As in a pod whose preStop hook asks for the shutdown: the kubelet's SIGTERM follows."""
    release = trio.Event()

    async def late(_got):
        await release.wait()
        return response("late")

    async with backend() as service:
        service.respond = late
        async with process(graceful(f"/svc => {inet(service.port)}"), tmp_path) as router:
            (port,), admin = await router.ports()
            http = await connect(port)
            await http.send()
            await until(lambda: service.got)
            await ask(admin, "localhost", target="/admin/shutdown", method="POST")
            await router.until("router.draining")
            router.process.send_signal(signal.SIGTERM)
            await trio.sleep(0.2)
            release.set()
            assert (await http.answer()).text == "late"
            assert await router.ended() == 0
            await http.close()
