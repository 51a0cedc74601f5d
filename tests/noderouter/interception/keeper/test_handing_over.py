"""Keepers that replace each other: whose the rules are at every moment, and what is left where one or both end.

Covers `client.py`, `session.py`.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from contextlib import ExitStack, suppress

import pytest

from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.lock import Lock
from tests.cluster.any_cluster import until
from tests.noderouter.interception.keeper.keeper_node import KINDS, watching
from tests.testing.busy import BUSY_SECONDS
from tests.testing.intercept_state import GOOD, PODS, SERVICES
from tests.testing.pod_network import CAPTURE_PORT

pytestmark = pytest.mark.root


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
