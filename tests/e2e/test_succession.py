"""One router takes another's place at the same ports: no request is lost, and who cannot serve takes nobody's."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio

from tests.testing.api_server import api_server
from tests.testing.backend import backend
from tests.testing.busy import BUSY_SECONDS
from tests.testing.http import ask, connect
from tests.testing.loop import until
from tests.testing.ports import free_ports
from tests.testing.router import config, inet, process

SUCCESSIONS = 4
SECONDS = 15 + BUSY_SECONDS
NO_API = {"kind": "io.l5d.k8s.configMap", "name": "dtab", "filename": "dtab", "namespace": "ns", "host": "127.0.0.1"}


def shared(dtab, tmp_path, name, ports, **router):
    """A configuration for ports that another router may have, too; probes are asked by a unix socket."""
    port, admin = ports
    (tmp_path / name).mkdir()
    probes = {"ip": "127.0.0.1", "port": 0, "socket": str(tmp_path / name / "probes.sock")}
    servers = [{"port": port, "socketOptions": {"reusePort": True}}]
    keys = {"port": admin, "probes": probes, "socketOptions": {"reusePort": True}, "shutdownGraceMs": 5000}
    return config(dtab, admin=keys, servers=servers, **router)


def probe(tmp_path, name, path="/readyz"):
    """What the probe of one router says; empty if it is ready."""
    argv = [sys.executable, "-I", "-m", "noderouter.probe", str(tmp_path / name / "probes.sock"), path]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    return "" if ended.returncode == 0 else ended.stdout


async def asks(port, seen, failed, stop, *, kept):
    """Ask without a pause, on one connection for as long as it is kept, or on a new one each time."""
    while not stop.is_set():
        try:
            if not kept:
                answer = await ask(port)
                seen.append(answer.text)
                continue
            http = await connect(port)
            try:
                answer = None
                while not stop.is_set() and (answer is None or answer["connection"] != "close"):
                    answer = await http.ask()
                    seen.append(answer.text)
            finally:
                await http.close()
        except (OSError, trio.BrokenResourceError, AssertionError, EOFError) as error:
            failed.append(repr(error))


@asynccontextmanager
async def beside(tmp_path, **access):
    """A router that serves, and one that waits beside it for a table in a ConfigMap; `access` is of its API.

    Gives their shared port, what the first is made of, both processes, and what starts further ones.
    """
    ports = free_ports(2)
    async with backend() as service, AsyncExitStack() as routers:

        async def start(name, made):
            (tmp_path / name).mkdir(exist_ok=True)
            return await routers.enter_async_context(process(made, tmp_path / name))

        good = shared(f"/svc => {inet(service.port)}", tmp_path, "old", ports)
        old = await start("old", good)
        await old.until("server.listening", SECONDS)
        new = await start("new", shared("", tmp_path, "new", ports, interpreter=NO_API | access))
        await new.until("server.waiting", SECONDS)
        yield ports[0], old, new, lambda: start("again", good)


async def all_served(port):
    """Whether every one of some requests is answered by the service."""
    return {(await ask(port)).text for _ in range(30)} == {"hello"}


async def test_no_request_is_lost_when_routers_are_replaced(tmp_path):
    ports = free_ports(2)
    seen, failed, stop = [], [], trio.Event()
    async with backend() as service, AsyncExitStack() as routers, trio.open_nursery() as clients:
        old = None
        for number in range(SUCCESSIONS + 1):
            made = shared(f"/svc => {inet(service.port)}", tmp_path, str(number), ports)
            router = await routers.enter_async_context(process(made, tmp_path / str(number)))
            await router.until("server.listening", SECONDS)
            if old is not None:
                await until(lambda number=number: not probe(tmp_path, str(number)), SECONDS)
                before = len(seen)
                old.process.send_signal(signal.SIGTERM)
                assert await old.ended(SECONDS) == 0
                assert old.log("server.handed_over")
                await until(lambda before=before: len(seen) > before + 100, SECONDS)
            else:
                for kept in (True, True, False, False):
                    clients.start_soon(lambda kept=kept: asks(ports[0], seen, failed, stop, kept=kept))
            old = router
        stop.set()
    assert failed == []
    assert set(seen) == {"hello"}


async def test_who_is_not_ready_takes_nobodys_place_until_nobody_is_there(tmp_path):
    """The second router has no dtab, since it reaches no API server; the first goes on, and is killed in the end."""
    async with beside(tmp_path, port=free_ports(1)[0]) as (port, old, new, _):
        assert "router out" in new.log("server.waiting")[0]["missing"][0]
        assert await all_served(port)
        assert probe(tmp_path, "old") == ""
        assert "another router of this node serves until this one is ready" in probe(tmp_path, "new")
        assert probe(tmp_path, "new", "/livez") == ""
        assert not new.log("server.listening")

        old.process.kill()
        await new.until("server.listening", SECONDS)  # better badly than not at all
        assert (await ask(port)).status == 502


async def test_who_has_no_table_takes_nobodys_place(tmp_path):
    """The ConfigMap does not exist, which is no reason not to be ready, but one not to take over."""
    async with api_server() as api, beside(tmp_path, port=api.port) as (port, old, new, again):
        await until(lambda: "does not exist" in str(new.log("server.waiting")[-1]["missing"]), SECONDS)
        assert await all_served(port)
        assert "another router of this node serves" in probe(tmp_path, "new")
        # It had to open when nobody was there; who comes back has everything, until it is good.
        old.process.kill()
        await new.until("server.listening", SECONDS)
        await (await again()).until("server.listening", SECONDS)
        with trio.fail_after(SECONDS):
            while not await all_served(port):
                await trio.sleep(0.1)
        for _ in range(5):
            assert await all_served(port)


async def test_a_successor_that_waits_ends_when_told(tmp_path):
    async with beside(tmp_path, port=free_ports(1)[0]) as (port, _, new, _):
        new.process.send_signal(signal.SIGTERM)
        assert await new.ended(SECONDS) == 0
        assert "Traceback" not in new.words()
        assert (await ask(port)).text == "hello"


async def test_the_younger_may_leave_first(tmp_path):
    """As when an update is rolled back: the elder has everything again."""
    ports = free_ports(2)
    seen, failed, stop = [], [], trio.Event()
    async with backend() as service, AsyncExitStack() as routers, trio.open_nursery() as clients:
        made = [shared(f"/svc => {inet(service.port)}", tmp_path, name, ports) for name in ("elder", "younger")]
        elder = await routers.enter_async_context(process(made[0], tmp_path / "elder"))
        await elder.until("server.listening", SECONDS)
        younger = await routers.enter_async_context(process(made[1], tmp_path / "younger"))
        await younger.until("server.listening", SECONDS)
        for kept in (True, False):
            clients.start_soon(lambda kept=kept: asks(ports[0], seen, failed, stop, kept=kept))
        await until(lambda: len(seen) > 100, SECONDS)
        younger.process.send_signal(signal.SIGTERM)
        assert await younger.ended(SECONDS) == 0
        before = len(seen)
        await until(lambda: len(seen) > before + 100, SECONDS)
        stop.set()
    assert failed == []


def test_a_probe_that_nobody_answers(tmp_path):
    (tmp_path / "none").mkdir()
    assert "no router answers at" in probe(tmp_path, "none")
    ended = subprocess.run([sys.executable, "-m", "noderouter.probe"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()[0]) == (2, "usage:")


@pytest.mark.parametrize("taken", ["admin", "probes.socket"])
def test_what_cannot_be_shared_says_so(tmp_path, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = [0, other.getsockname()[1] if taken == "admin" else 0]
        made = shared("/svc => /$/nil", tmp_path, "one", ports)
        if taken != "admin":
            made["admin"]["probes"]["socket"] = str(tmp_path / "no" / "such" / "folder.sock")
        ended = subprocess.run(
            [sys.executable, "-m", "noderouter.cli", "run", "-"],
            input=json.dumps(made), capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ("something else listens there already" if taken == "admin" else "admin.probes.socket") in ended.stderr
    assert "Traceback" not in ended.stderr
