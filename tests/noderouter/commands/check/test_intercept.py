"""Interception's lines: with a real keeper and a real router where that is possible."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import trio

from noderouter.commands.check import intercept
from noderouter.commands.check.intercept import check_capture, check_intercept, check_keeper, judged
from noderouter.commands.check.plan import Place, plan_of
from noderouter.config.server import ServerConfig
from noderouter.interception.keeper.client import BlockingKeeperClient
from noderouter.kubernetes.access import Kubeconfig
from tests.cluster.any_cluster import until
from tests.testing.intercept_state import GOOD, PODS, SERVICES
from tests.testing.ports import free_ports
from tests.testing.router import checked, config, routing

ROOT = Path(__file__).resolve().parents[4]
KEEPER = {"backend": "nftables", "owner": True, "failureMode": "open", "pods": 3, "services": 7, "captured": 12}


def with_intercept(socket_path="/run/noderouter/intercept.sock", **more):
    servers = [{"port": 0}, {"ip": "0.0.0.0", "port": 0, "capture": {}}]
    return config(servers=servers) | {"intercept": {"socket": str(socket_path), **more}}


@pytest.fixture(autouse=True)
def _no_pod(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("NODE_NAME", raising=False)


def test_without_interception_there_is_nothing_to_say():
    assert list(check_intercept(checked(config()))) == []


def test_what_is_needed_of_kubernetes():
    plan = plan_of(checked(with_intercept()), Place(Kubeconfig("/k")))
    assert plan.variables == {"NODE_NAME": "intercept"}
    ((_, needs),) = plan.apis.items()
    everywhere = {f"{verb} {what} in all namespaces" for verb in ("list", "watch") for what in ("pods", "namespaces")}
    services = {f"{verb} services in all namespaces" for verb in ("list", "watch")}
    slices = {f"{verb} endpointslices in default" for verb in ("list", "watch")}
    assert {str(right) for right in needs.rights} == everywhere | services | slices
    assert not any(right.without for right in needs.rights)


def test_what_a_namer_could_do_without_interception_cannot():
    settings = with_intercept(nodeName="node-1") | {"namers": [{"kind": "io.l5d.k8s"}]}
    plan = plan_of(checked(settings), Place(Kubeconfig("/k")))
    assert plan.variables == {}
    ((_, needs),) = plan.apis.items()
    said = [str(right) for right in needs.rights]
    assert len(said) == len(set(said))
    assert not [right for right in needs.rights if right.resource == "services" and right.without]
    assert [right for right in needs.rights if right.resource == "endpointslices" and not right.namespace]


# The keeper


def test_no_keeper_is_a_fault_in_a_pod_and_to_be_expected_elsewhere(tmp_path, monkeypatch):
    line = check_keeper(tmp_path / "none")
    assert line.status.value == "warn"
    assert "no keeper at" in line.words
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    line = check_keeper(tmp_path / "none")
    assert line.status.value == "fail"
    assert "container `intercept`" in line.hint


@pytest.mark.parametrize(
    ("status", "found", "words"),
    [
        ({"armed": True, "why": ""}, "ok", "capturing: nftables, failure mode open, 3 addresses of pods, 7 destin"),
        ({"armed": False, "why": "reactor lag"}, "warn", "not capturing: reactor lag; nftables"),
        ({"armed": False, "why": "no router", "owner": False}, "warn", "waiting: no router; "),
        ({"armed": False, "why": ""}, "warn", "not capturing: it does not say why"),
    ],
)
def test_how_it_is(status, found, words):
    line = judged("keeper /x", KEEPER | status)
    assert line.status.value == found
    assert line.words.startswith(words)


def test_what_is_no_keeper(tmp_path):
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        process = subprocess.Popen([sys.executable, "-c", CHECK, str(tmp_path / "sock")], stdout=subprocess.PIPE)
        other, _ = listener.accept()
        with other:
            other.recv(1000)
            other.sendall(b"who is there?\n")
            said, _ = process.communicate(timeout=20)
    assert said.startswith(b"fail keeper ")
    assert b"what answers there is not a keeper" in said


CHECK = """
import os, sys
from pathlib import Path
from noderouter.commands.check.intercept import check_keeper
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
print(check_keeper(Path(sys.argv[1])))
"""


@pytest.fixture
def keeper(_rooted):
    """A real one, in a network of its own; its socket."""
    with tempfile.TemporaryDirectory(prefix="keeper-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "intercept.sock"
        arguments = ["--mode=nft", "--node-ip=192.0.2.1", f"--socket={path}", f"--lock={folder}/lock"]
        command = ["unshare", "--net", sys.executable, "-m", "noderouter.cli", "intercept", "run", *arguments]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                until(path.exists, 20)
                yield path
            finally:
                process.terminate()


@pytest.fixture
def _rooted():
    if os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("unshare") is None:
        pytest.skip("needs root, nft and unshare")


@pytest.mark.root
def test_a_keeper_from_start_to_capturing(keeper):
    assert "not capturing: no router has connected yet; nftables" in check_keeper(keeper).words
    with closing(BlockingKeeperClient(keeper)) as router:
        router.hello("router")
        router.pods(1, PODS)
        router.services(1, SERVICES)
        assert router.progress(GOOD)["armed"]
        line = check_keeper(keeper)
    assert line.status.value == "ok"
    assert line.words.startswith("capturing: nftables, failure mode open, 2 addresses of pods, 4 destinations")


@pytest.mark.root
def test_somebody_whom_the_keeper_does_not_know(keeper):
    command = [sys.executable, "-c", CHECK, str(keeper), "12345"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "it does not let user 12345 ask" in said
    assert "--allow-uid" in said


# The capture port


async def lines(server):
    return await trio.to_thread.run_sync(partial(check_capture, server))


async def test_a_router_s_capture_port():
    (port,) = free_ports(1)
    capturing = {"ip": "0.0.0.0", "port": port, "capture": {}}
    async with routing(config(servers=[{"port": 0}, capturing])):
        line = await lines(ServerConfig.model_validate(capturing))
    assert line.status.value == "ok"
    assert line.words == "a router takes captured connections there"


async def test_a_port_that_captures_nothing():
    async with routing(config()) as router:
        line = await lines(ServerConfig.model_validate({"ip": "0.0.0.0", "port": router.port, "capture": {}}))
    assert line.status.value == "fail"
    assert "something else listens there" in line.words


async def test_nobody_there_and_somebody_who_says_nothing(monkeypatch):
    monkeypatch.setattr(intercept, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        line = await lines(ServerConfig.model_validate({"ip": "0.0.0.0", "port": port, "capture": {}}))
        assert line.status.value == "fail"
        assert "no answer over loopback" in line.words
    line = await lines(ServerConfig.model_validate({"ip": "0.0.0.0", "port": port, "capture": {}}))
    assert line.status.value == "warn"
    assert "nothing listens there" in line.words


@pytest.mark.parametrize(("ip", "hint"), [("127.0.0.1", "0.0.0.0"), ("192.0.2.1", "0.0.0.0"), ("::1", "listen at ::")])
def test_an_address_that_captured_connections_do_not_come_to(ip, hint):
    line = check_capture(ServerConfig.model_validate({"ip": ip, "port": 4143, "capture": {}}))
    assert line.status.value == "fail"
    assert hint in line.hint
