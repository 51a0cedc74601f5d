"""The privileged process in a node's namespace, with a router beside it: arming, dying, drift.

Their handing over is in `test_handing_over.py`.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest

from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.protocol import encode
from tests.cluster.any_cluster import until
from tests.noderouter.interception.keeper.keeper_node import KINDS, ROOT, watching
from tests.testing.busy import BUSY_SECONDS
from tests.testing.intercept_state import GOOD, PODS, SERVICES
from tests.testing.pod_network import CAPTURE_PORT, NODE, SERVICE, dial, echoes, read_line

pytestmark = pytest.mark.root

TIMER_SECONDS = 3.0


def until_direct(seen: list[tuple[float, str]], since: float) -> float:
    """How long it took until nothing was captured any more."""
    until(lambda: seen and seen[-1][1] == "backend")
    return max((moment for moment, answered in seen if answered != "backend"), default=since) - since


def figure(what: str, seconds: float, seen: list[tuple[float, str]], since: float) -> None:
    counts = Counter(answered for moment, answered in seen if moment > since)
    print(f"{what}: nothing captured after {seconds:.2f} s; answers meanwhile and after: {dict(counts)}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_life(make_node, kind):
    node = make_node(kind)
    before = node.network.dump()
    keeper = node.keeper()
    until(lambda: node.socket.exists() and node.status()["generation"] == 1)
    assert node.answers() == "backend"
    assert node.status()["armed"] is False
    router = node.router()
    assert [node.answers(version) for version in (4, 6)] == ["router", "router"]
    status = node.status()
    assert (status["armed"], status["pods"], status["services"], status["why"]) == (True, 4, 8, "")
    until(lambda: node.status()["captured"] >= 2)
    sock = dial(node.client, SERVICE[4], 80)
    assert read_line(sock).who == "router"
    router.stdin.write("disarm\n")
    router.stdin.flush()
    assert router.stdout.readline() == "disarmed\n"
    assert [node.answers(version) for version in (4, 6)] == ["backend", "backend"]
    assert echoes(sock), "what is established drains in peace"
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(10) == 0
    assert echoes(sock)
    sock.close()
    assert not node.socket.exists()
    if kind == "nftables":
        assert node.network.dump() == before
    else:
        assert "noderouter" not in node.network.dump().lower()
    assert (
        node.events()[-2:] == ["intercept.router_gone", "intercept.removed"] or node.events()[-1] == "intercept.removed"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_router_that_is_killed(make_node, kind):
    node = make_node(kind)
    node.keeper()
    router = node.router()
    with watching(node) as seen:
        until(lambda: len(seen) > 20)
        since = time.monotonic()
        router.kill()
        taken = until_direct(seen, since)
    figure(f"{kind}: router killed", taken, seen, since)
    assert taken < TIMER_SECONDS + BUSY_SECONDS
    assert {answered for _, answered in seen} <= {"router", "refused", "backend"}
    assert "intercept.disarmed" in node.events()


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_whose_router_and_keeper_are_killed(make_node, kind):
    node = make_node(kind)
    keeper = node.keeper()
    router = node.router()
    with watching(node) as seen:
        until(lambda: len(seen) > 20)
        since = time.monotonic()
        keeper.kill()
        router.kill()
        taken = until_direct(seen, since)
    figure(f"{kind}: router and keeper killed", taken, seen, since)
    assert taken < TIMER_SECONDS + BUSY_SECONDS
    assert {answered for _, answered in seen} <= {"router", "refused", "backend"}
    node.keeper()  # takes over what was left
    node.router()
    assert node.answers() == "router"


def test_a_router_that_hangs(make_node):
    node = make_node()
    node.keeper()
    router = node.router()
    since = time.monotonic()
    router.send_signal(signal.SIGSTOP)
    while node.answers() != "backend":
        assert time.monotonic() - since < TIMER_SECONDS + 2 + BUSY_SECONDS  # the last try hangs for its own time limit
    router.send_signal(signal.SIGCONT)
    until(lambda: node.answers() == "router")


def test_a_router_that_makes_no_progress(make_node):
    node = make_node()
    node.keeper()
    router = node.router()
    router.stdin.write("stuck\n")
    router.stdin.flush()
    until(lambda: node.answers() == "backend")
    assert "no progress" in str(node.status()["why"])


def test_a_router_that_lags_and_makes_progress_keeps_its_connections(make_node):
    node = make_node()
    node.keeper()
    router = node.router()
    router.stdin.write("lag\n")
    router.stdin.flush()
    renewals = node.status()["renewals"]
    until(lambda: node.status()["renewals"] > renewals + 7)  # twice as long as the switch would last
    assert node.answers(6) == "router"


def test_nothing_is_captured_before_everything_is_known(make_node):
    node = make_node()
    node.keeper()
    node.network.serve(node.network.node, "router", CAPTURE_PORT, "0.0.0.0")
    client = node.keeper_client()
    client.hello("test")
    assert client.progress(GOOD) == {
        "v": 1, "type": "state", "armed": False, "standby": False, "why": "waiting for the list of pods and services",
    }  # fmt: skip
    assert client.pods(1, PODS)["what"] == "pods"
    assert client.progress(GOOD)["armed"] is False
    assert client.services(2, SERVICES)["generation"] == 2
    assert node.answers() == "backend"
    assert client.progress(GOOD)["armed"] is True
    assert node.answers() == "router"
    assert client.pods(3, PODS[1:])["type"] == "applied"
    assert node.answers() == "backend", "the answer comes when it is in force"
    assert client.pods(4, PODS)["type"] == "applied"
    assert node.answers() == "router"


@pytest.mark.parametrize("kind", KINDS)
def test_drift_is_repaired_and_counted(make_node, kind):
    node = make_node(kind)
    # Two of them hear of changes from the kernel; with legacy there is only the timer.
    node.keeper(*(() if kind == "iptables-legacy" else ("--reconcile-seconds", "3600")))
    node.router()
    if kind == "nftables":
        node.run("nft", "delete", "table", "inet", "noderouter")
    else:
        command = "iptables-nft" if kind == "iptables-nft" else "iptables-legacy"
        for action in (("-D", "PREROUTING"), ("-I", "PREROUTING", "1")):  # kube-proxy puts its jump first again
            node.run(command, "-w", "-t", "nat", *action, "-j", "KUBE-SERVICES")
    since = time.monotonic()
    until(lambda: node.status()["drift"])
    until(lambda: node.answers() == "router")
    print(f"{kind}: repaired after {time.monotonic() - since:.2f} s")
    assert node.answers(6) == "router"
    if kind != "nftables":
        saved = node.run(f"{command}-save", "-t", "nat").splitlines()
        jumps = [line.split()[-1] for line in saved if line.startswith("-A PREROUTING ")]
        assert jumps == ["NODEROUTER-PRE", "KUBE-SERVICES"]


def test_elements_that_somebody_adds_are_taken_out(make_node):
    node = make_node()
    node.keeper("--reconcile-seconds", "3600")
    node.router()
    clean = node.run("nft", "-s", "list", "set", "inet", "noderouter", "pods4")
    node.run("nft", "add", "element", "inet", "noderouter", "pods4", "{ 10.9.9.9 }")
    until(lambda: node.status()["drift"] == 1)
    assert node.run("nft", "-s", "list", "set", "inet", "noderouter", "pods4") == clean


@pytest.mark.parametrize(("kind", "first", "then"), [
    ("iptables-nft", "nft", "iptables"), ("iptables-nft", "iptables", "nft"), ("iptables-legacy", "iptables", "nft"),
])  # fmt: skip
def test_what_another_mode_has_left_is_removed(make_node, kind, first, then):
    node = make_node(kind)
    old = node.keeper("--mode", first, name="old")
    until(lambda: "intercept.installed" in node.events("old"))
    old.kill()
    old.wait()
    marks = {"nft": "table inet noderouter {", "iptables": "NODEROUTER-PRE"}
    assert marks[first] in node.network.dump()
    node.keeper("--mode", then, name="new")
    until(lambda: "intercept.removed" in node.events("new"))
    assert marks[first] not in node.network.dump()
    assert marks[then] in node.network.dump()
    assert first == "nft" or "noderouter-" not in node.run("ipset", "-n", "list")


def test_a_keeper_that_is_killed_is_succeeded(make_node):
    node = make_node()
    old = node.keeper(name="old")
    node.router("old", "router")
    new = node.keeper(name="new")
    until(lambda: "intercept.waiting" in node.events("new"))
    assert (node.answers(), node.status("new")["owner"], node.status("old")["owner"]) == ("router", False, True)
    old.kill()
    until(lambda: node.status("new")["owner"])
    until(lambda: node.answers() == "backend")  # its router has not come yet
    assert new.poll() is None


def test_closed_stays_closed_without_a_keeper(make_node):
    node = make_node()
    keeper = node.keeper("--failure-mode", "closed")
    router = node.router()
    assert node.answers() == "router"
    router.kill()
    until(lambda: node.answers() == "refused")
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(10) == 0
    assert node.answers() == "refused"
    next_one = node.keeper("--failure-mode", "closed", name="next")
    until(lambda: "intercept.kept" in node.events("next"))
    assert node.answers() == "refused", "a restart opens nothing"
    next_router = node.router("next")
    assert node.answers() == "router"
    next_router.kill()
    next_one.send_signal(signal.SIGTERM)
    assert next_one.wait(10) == 0
    assert node.answers() == "refused"
    lock = str(node.socket.with_name("lock"))
    node.run(sys.executable, "-m", "noderouter.cli", "intercept", "remove", "--lock", lock)
    assert node.answers() == "backend"


def test_a_state_file_is_followed(make_node, tmp_path):
    node = make_node()
    state = tmp_path / "state.json"
    ips = [str(address) for address in PODS[0].addresses]
    pods = [{"uid": "u", "namespace": "default", "ips": ips}]
    services = [{"ip": SERVICE[4], "port": 80, "http": True}]
    state.write_text(json.dumps({"pods": pods, "services": services}))
    node.network.serve(node.network.node, "router", CAPTURE_PORT, "0.0.0.0")
    node.keeper("--state", str(state))
    client = node.keeper_client()
    client.hello("test")
    assert client.progress(GOOD)["armed"] is True
    assert node.answers() == "router"
    state.write_text('{"pods": [1]}')
    until(lambda: "intercept.state_refused" in node.events())
    assert node.answers() == "router", "the last good state stays"
    state.write_text(json.dumps({"services": services}))
    until(lambda: node.answers() == "backend")
    with pytest.raises(InterceptError, match="come from a file"):
        client.pods(1, PODS)


def test_who_may_say_what(make_node):
    node = make_node()
    node.keeper("--exclude-namespace", "storage")
    nobody = node.keeper_client()
    with pytest.raises(InterceptError, match="has to be `hello`"):
        nobody.pods(1, PODS)
    router = node.keeper_client()
    router.hello("one")
    with pytest.raises(InterceptError, match="another router"):
        node.keeper_client().hello("two")
    with pytest.raises(InterceptError, match="unknown `type`"):
        router.send(encode("nonsense"))
    again = node.keeper_client()
    welcome = again.hello("three")
    assert (welcome["backend"], welcome["leftOut"]) == ("nftables", ["storage"])
    assert again.status()["type"] == "status"


def test_another_user_is_refused(make_node):
    node = make_node()
    node.keeper()
    until(node.socket.exists)
    for folder in node.socket.parents:
        if folder.stat().st_mode & 0o777 == 0o700:  # those that pytest makes
            os.chmod(folder, 0o755)
    code = f"import socket; s=socket.socket(socket.AF_UNIX); s.connect({str(node.socket)!r}); print(s.recv(9))"
    said = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout == "b''\n", said.stderr
    until(lambda: "intercept.peer_refused" in node.events())


def test_a_flood_of_half_messages_is_bounded(make_node):
    node = make_node()
    node.keeper()
    until(node.socket.exists)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(node.socket))
        sock.settimeout(10)
        with pytest.raises(OSError):
            sock.sendall(b"x" * 20_000_000)
    assert node.status()["type"] == "status"


def test_what_is_missing_is_said_at_start(make_node):
    node = make_node()
    said = subprocess.run(
        ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all", sys.executable, "-m", "noderouter.cli", "intercept",
         "run", "--node-ip", NODE[4], "--mode", "nft", "--socket", str(node.socket),
         "--lock", str(node.socket.with_name("lock"))],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=30,
    )  # fmt: skip
    assert said.returncode == 1
    assert "NET_ADMIN" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("gone", [False, True])
def test_a_log_that_nobody_reads_does_not_keep_it_from_anything(make_node, gone):
    """Each router that leaves is three lines: armed, disarmed, gone. The pipe holds a dozen of them."""
    node = make_node()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    try:
        keeper = node.keeper(log=writing)
        os.close(writing)
        if gone:
            os.close(reading)
        for number in range(30):
            client = node.keeper_client()
            client.hello(f"router-{number}")
            client.pods(1, PODS)
            client.services(1, SERVICES)
            assert client.progress(GOOD)["armed"] is True
            client.close()
            until(lambda: node.status()["armed"] is False)
        keeper.terminate()
        assert keeper.wait(10) == 0
        assert node.answers() == "backend"
        said = b"" if gone else os.read(reading, 8192)
        assert [json.loads(line)["event"] for line in said.splitlines()][:1] == ([] if gone else ["intercept.backend"])
        assert gone or (len(said) > 3000 and said.endswith(b"}\n"))
    finally:
        if not gone:
            os.close(reading)
