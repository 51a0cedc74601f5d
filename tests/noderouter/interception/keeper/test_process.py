"""The privileged process in a node's namespace, with a router beside it: arming, dying, drift, handing over.

Covers `client.py`, `session.py`.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from noderouter.interception.keeper.client import BlockingKeeperClient
from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.lock import Lock
from noderouter.interception.keeper.protocol import encode
from tests.cluster.any_cluster import until
from tests.cluster.node.namespaces import inside
from tests.testing.busy import BUSY_SECONDS
from tests.testing.intercept_state import GOOD, PODS, SERVICES
from tests.testing.pod_network import CAPTURE_PORT, NODE, SERVICE, PodNetwork, dial, echoes, read_line, who

pytestmark = pytest.mark.root

KINDS = ("nftables", "iptables-nft", "iptables-legacy")
ROOT = Path(__file__).resolve().parents[4]
TIMER_SECONDS = 3.0


class Node:
    """A node without a listener at the capture port; starts keepers and routers on it."""

    def __init__(self, network: PodNetwork, folder: Path, mode: str, stack: ExitStack) -> None:
        self.network = network
        self.client = network.pods["client"]
        self.socket = folder / "intercept.sock"
        self._folder = folder
        self._mode = mode
        self._stack = stack

    def keeper(
        self, *options: str, name: str = "", log: int | None = None, before: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start one by the command `before`; its log is where `log` reads it, or goes to a descriptor."""
        arguments = [
            "run",
            "--mode",
            self._mode,
            "--capture-port",
            str(CAPTURE_PORT),
            "--lock",
            str(self._folder / "lock"),
        ]
        arguments += [
            "--socket",
            str(self._path(name)),
            *(f"--node-ip={NODE[version]}" for version in (4, 6)),
            *options,
        ]
        command = [*before, sys.executable, "-m", "noderouter.cli", "intercept", *arguments]
        return self._started(command, name or "keeper", log)

    def router(self, name: str = "", who: str = "router") -> subprocess.Popen[str]:
        """Start one, and wait until it is armed."""
        process = self._started([sys.executable, "-m", "tests.testing.told_router", str(self._path(name)), who], who)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", self.log(who)
        return process

    def keeper_client(self, name: str = "") -> BlockingKeeperClient:
        """A conversation; ends with the test."""
        until(lambda: self._path(name).exists())
        client = BlockingKeeperClient(self._path(name))
        self._stack.callback(client.close)
        return client

    def status(self, name: str = "") -> dict[str, object]:
        """What a keeper says of itself."""
        client = BlockingKeeperClient(self._path(name))
        try:
            return client.status()
        finally:
            client.close()

    def answers(self, version: int = 4) -> str:
        """Who answers the pod."""
        return who(self.client, SERVICE[version])

    def log(self, name: str = "keeper") -> str:
        """What a process wrote."""
        return (self._folder / f"{name}.log").read_text()

    def events(self, name: str = "keeper") -> list[str]:
        """The events in a keeper's log."""
        return [json.loads(line)["event"] for line in self.log(name).splitlines()]

    def run(self, *argv: str, text: str = "") -> str:
        """Run a command on the node."""
        return self.network.run(self.network.node, argv, text)

    def _path(self, name: str) -> Path:
        return self.socket.with_name(f"{name}.sock") if name else self.socket

    def _started(self, argv: list[str], name: str, to: int | None = None) -> subprocess.Popen[str]:
        log = self._stack.enter_context((self._folder / f"{name}.log").open("w"))
        err = log if to is None else to
        with inside(self.network.node):
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True, cwd=ROOT, env=os.environ
            )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def make_node(make_network, tmp_path):
    with ExitStack() as stack:

        def make(kind: str = "nftables") -> Node:
            network = make_network(kind, listening=False)
            folder = tmp_path / "run"
            folder.mkdir()
            return Node(network, folder, "nft" if kind == "nftables" else "iptables", stack)

        yield make


@contextmanager
def watching(node: Node):
    """Notes who answers the pod, and when, again and again."""
    seen: list[tuple[float, str]] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            answered = node.answers()
            seen.append((time.monotonic(), answered))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


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


class Standby:
    """A router behind a keeper that waits, which is good for as long as this is entered; it shares the port.

    `until_its_end` says that the keeper ends before it.
    """

    def __init__(self, node, name, *, until_its_end=False):
        self._fine = InterceptError if until_its_end else ()
        self._client = node.keeper_client(name)
        self._client.hello(name)
        self._client.pods(1, PODS)
        self._client.services(1, SERVICES)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with suppress(self._fine):
            while not self._ended.wait(0.2):
                self._client.progress(GOOD)

    def __enter__(self):
        self.state = self._client.progress(GOOD)
        self._thread.start()

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._client.close()


def succeeding(make_node, kind):
    """A node with a keeper and its router, and a keeper that waits."""
    node = make_node(kind)
    old = node.keeper(name="old")
    router = node.router("old", "router")
    new = node.keeper(name="new")
    until(lambda: "intercept.waiting" in node.events("new"))
    return node, old, router, new


BOTH = pytest.mark.parametrize("kind", ["nftables", "iptables-legacy"])


@BOTH
@pytest.mark.parametrize("how", ["the keeper is told to end", "the router says that it ends", "the router is killed"])
def test_handing_over_misses_nothing(make_node, kind, how):
    node, old, old_router, new = succeeding(make_node, kind)
    node.network.serve(node.network.node, "router", CAPTURE_PORT, "0.0.0.0")  # the successor's, at the same port
    with Standby(node, "new"), watching(node) as seen:
        until(lambda: node.status("new")["standby"])
        assert (node.status("new")["armed"], node.status("old")["armed"]) == (False, True)
        until(lambda: len(seen) > 20)
        if how == "the keeper is told to end":
            old.send_signal(signal.SIGTERM)
            assert old.wait(10) == 0
        elif how == "the router is killed":
            old_router.kill()
        else:
            old_router.stdin.write("disarm\n")
            old_router.stdin.flush()
        until(lambda: "intercept.installed" in node.events("new"))
        until(lambda: node.status("new")["armed"])
        mark = len(seen)
        until(lambda: len(seen) > mark + 20)
    if how != "the keeper is told to end":  # it lives, and wants the rules again when a router comes to it
        assert (node.status("old")["owner"], node.status("old")["armed"]) == (False, False)
        assert "intercept.waiting" not in node.events("old")
        if how == "the router is killed":
            node.keeper_client("old").hello("again")
            until(lambda: "intercept.waiting" in node.events("old"))
            new.kill()
            until(lambda: node.status("old")["owner"])
    answered = Counter(answer for _, answer in seen[: mark + 20])
    assert answered["backend"] == 0  # none went directly
    assert how == "the router is killed" or set(answered) == {"router"}, answered
    assert "intercept.handed_over" in node.events("old")
    old_router.kill()


def test_who_owns_the_rules_without_a_router_gives_them_to_who_has_a_good_one(make_node):
    """The keeper of a pod whose router never starts was there when another one's was restarted."""
    node = make_node()
    node.keeper(name="idle")
    until(lambda: "intercept.installed" in node.events("idle"))
    node.keeper(name="good")
    node.network.serve(node.network.node, "router", CAPTURE_PORT, "0.0.0.0")
    with Standby(node, "good"):
        until(lambda: node.status("good")["armed"], 10 + BUSY_SECONDS)
        assert not node.status("idle")["owner"]
        assert node.answers() == "router"
    assert "intercept.handed_over" in node.events("idle")


def test_a_successor_whose_router_is_not_good_is_given_nothing(make_node):
    """The pod that should take over crashes again and again: its keeper waits, and nobody is behind it."""
    node, old, old_router, _ = succeeding(make_node, "nftables")
    client = node.keeper_client("new")
    client.hello("new")
    old_router.stdin.write("disarm\n")
    old_router.stdin.flush()
    assert old_router.stdout.readline() == "disarmed\n"  # the log says so before the switch is thrown
    assert node.answers() == "backend"
    assert node.status("old")["owner"]
    assert "intercept.handed_over" not in node.events("old")
    old_router.kill()
    assert old.poll() is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_successor_that_cannot_write_rules_is_given_nothing(make_node, kind):
    """Such as one without NET_ADMIN. Where it can, its trial leaves nothing, and nobody takes it for drift."""
    node, _, _, _ = succeeding(make_node, kind)
    bound = ("setpriv", "--bounding-set", "-net_admin")
    node.keeper(name="bound", before=bound)
    node.network.serve(node.network.node, "router", CAPTURE_PORT, "0.0.0.0")
    with Standby(node, "bound"):
        until(lambda: "cannot take over: " in str(node.status("bound")["why"]))
        assert not node.status("bound")["standby"]
    with Standby(node, "new"):
        until(lambda: node.status("new")["standby"])
    assert "check" not in node.network.dump().lower()
    assert "intercept.drift" not in node.events("old")


def rules_left(node) -> bool:
    return "noderouter" in node.network.dump().lower()


@BOTH
@pytest.mark.parametrize("good", [False, True])
def test_no_rules_are_left_where_both_are_told_to_end(make_node, kind, good):
    """Whatever was there is uninstalled in the middle of an update."""
    node, old, _, new = succeeding(make_node, kind)
    with ExitStack() as stack:
        if good:
            stack.enter_context(Standby(node, "new", until_its_end=True))
            until(lambda: node.status("new")["standby"])
        for keeper in (old, new):
            keeper.send_signal(signal.SIGTERM)
        assert [keeper.wait(30) for keeper in (old, new)] == [0, 0]
    assert not rules_left(node)


@BOTH
def test_no_rules_are_left_where_the_successor_ends_before_it_has_taken_over(make_node, kind):
    node, old, _, new = succeeding(make_node, kind)
    with Standby(node, "new", until_its_end=True):
        until(lambda: node.status("new")["standby"])
        new.send_signal(signal.SIGSTOP)
        old.send_signal(signal.SIGTERM)
        assert old.wait(30) == 0
        new.send_signal(signal.SIGTERM)
        new.send_signal(signal.SIGCONT)
        assert new.wait(30) == 0
    assert not rules_left(node)


def test_who_has_handed_over_waits_only_while_its_router_is_good(make_node):
    """One that would not take over keeps out one that would: a single one can wait and be ready."""
    node = make_node()
    lock = Lock(node.socket.with_name("lock"))
    node.keeper(name="old")
    router = node.keeper_client("old")
    router.hello("old")
    router.pods(1, PODS)
    router.services(1, SERVICES)
    assert router.progress(GOOD)["armed"]
    node.keeper(name="new")
    until(lambda: "intercept.waiting" in node.events("new"))
    with Standby(node, "new"):
        until(lambda: router.progress(GOOD)["armed"] and node.status("new")["standby"])
        assert router.disarm()["handedOver"]
        until(lambda: node.status("new")["owner"])
        until(lambda: router.progress(GOOD)["standby"] and lock.successor_waits())
        assert "handedOver" not in router.disarm()
        until(lambda: not lock.successor_waits())


def test_a_keeper_that_ends_while_it_waits_takes_nothing_away(make_node):
    node, old, _, new = succeeding(make_node, "nftables")
    new.send_signal(signal.SIGTERM)
    assert new.wait(30) == 0
    assert node.answers() == "router"
    assert old.poll() is None


def test_a_keeper_that_ends_removes_its_rules_where_the_one_that_waits_cannot_write_any(make_node):
    node = make_node()
    old = node.keeper(name="old")
    node.router("old", "router")
    node.keeper(name="bound", before=("setpriv", "--bounding-set", "-net_admin"))
    until(lambda: "intercept.waiting" in node.events("bound"))
    with Standby(node, "bound"):
        until(lambda: "cannot take over: " in str(node.status("bound")["why"]))
        old.send_signal(signal.SIGTERM)
        assert old.wait(30) == 0
        assert not rules_left(node)
    assert "intercept.handed_over" not in node.events("old")


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_a_take_over_that_fails_is_tried_again(make_node, monkeypatch, tmp_path, mode):
    """The successor's `nft` refuses when the predecessor has given the rules away, and has done before."""
    node = make_node()
    old = node.keeper("--failure-mode", mode, name="old")
    node.router("old", "router")
    refuses = tmp_path / "refuses"
    command = tmp_path / "bin" / "nft"
    command.parent.mkdir()
    genuine = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    fails = f"[ ! -e {refuses} ] || {{ echo 'Device or resource busy' >&2; exit 1; }}"
    command.write_text(f'#!/bin/sh\n{fails}\nexec {genuine} "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    new = node.keeper("--failure-mode", mode, name="new")
    until(lambda: "intercept.waiting" in node.events("new"))
    with Standby(node, "new"):
        until(lambda: node.status("new")["standby"])
        refuses.touch()
        old.send_signal(signal.SIGTERM)
        assert old.wait(30) == 0
        until(lambda: new.poll() is not None or "intercept.failed" in node.log("new"))
        assert new.poll() is None, node.log("new")
        assert node.status("new")["armed"] is False
        refuses.unlink()
        until(lambda: node.status("new")["armed"])
        assert node.answers() == "router"


@pytest.fixture
def small(tmp_path):
    """A folder with a file system of its own; `fill` leaves no room in it."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    with suppress(OSError), (folder / "fill").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.parametrize("how", ["the keeper is told to end", "the router says that it ends", "the router is killed"])
def test_a_full_disk_below_the_lock_keeps_no_rules(make_node, small, how):
    node = make_node()
    keeper = node.keeper("--lock", str(small / "lock"))
    router = node.router()
    fill(small)
    if how == "the keeper is told to end":
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(10) == 0
        assert not rules_left(node)
    elif how == "the router is killed":
        router.kill()
    else:
        router.stdin.write("disarm\n")
        router.stdin.flush()
        assert router.stdout.readline() == "disarmed\n"
    until(lambda: node.answers() == "backend")
    assert how == "the keeper is told to end" or node.status()["owner"], "it goes on"
    assert "Traceback" not in node.log()


def test_a_keeper_starts_on_a_full_disk_and_waits_as_no_successor(make_node, small):
    """The name of its process in the lock is for readers; a word of being ready that cannot be given is the end."""
    node = make_node()
    lock = ("--lock", str(small / "lock"))
    (small / "lock").touch()
    (small / "lock.next").touch()
    fill(small)
    node.keeper(*lock)
    until(lambda: node.socket.exists() and node.status()["owner"])
    node.router()
    waiting = node.keeper(*lock, name="new")
    until(lambda: "intercept.waiting" in node.events("new"))
    with suppress(InterceptError), Standby(node, "new", until_its_end=True):  # it may end before it is asked
        waiting.wait(30)
    assert waiting.wait(30) == 1
    assert "Traceback" not in node.log("new")
    assert "cannot write to the lock" in node.log("new")
    assert node.status()["armed"]


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
