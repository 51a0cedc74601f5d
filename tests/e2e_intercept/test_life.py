"""The ends of interception: uninstalled under load, and `failureMode: closed`, which nothing but that may open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import CommandFailed
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import serve_unknowing
from tests.testing.figures import State

pytestmark = pytest.mark.root

NODES = ("node-1", "node-2")
ROUTED = "via: 1.1 linkerd"
TIMER_SECONDS = 2.5


@contextmanager
def capturing(cluster: Cluster, namespace: str, values: str = "") -> Iterator[Release]:
    """The chart with interception, in a namespace of its own."""
    place = f"{namespace}-mesh"
    cluster.control_plane.kubectl("create", "namespace", place)
    try:
        more = ("--set", f"intercept.enabled=true,minReadySeconds=0,readinessProbe.periodSeconds=1{values}")
        with Release.installed(cluster, place, "captured", *more) as release:
            yield release
    finally:
        cluster.control_plane.kubectl("delete", "namespace", place)


def rules(cluster: Cluster) -> list[str]:
    """Whatever is of ours in the packet filters of the nodes."""
    found = []
    for node in NODES:
        for command in (("nft", "list", "ruleset"), ("ipset", "list", "-n")):
            found += [
                f"{node}: {line}" for line in cluster.run(*command, node=node).splitlines() if "noderouter" in line
            ]
    return found


def answer(cluster: Cluster, namespace: str) -> str:
    """`routed`, `direct`, or why there is no answer."""
    try:
        head = cluster.exec(namespace, "client", "curl", "-sSi", "--max-time", "1", f"http://hello.{namespace}/")
    except CommandFailed as error:
        return "refused" if error.status == 7 else error.stderr
    return "routed" if ROUTED in head else "direct"


def test_switching_it_on_and_off_loses_nothing(cluster: Cluster, namespace: str, state: State):
    """In a mesh that was installed without."""
    serve_unknowing(cluster, namespace)
    with capturing(cluster, namespace, ",intercept.enabled=false") as release:
        with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
            release.upgrade("--set", "intercept.enabled=true")
            until(lambda: answer(cluster, namespace) == "routed")
            traffic.more()
            release.upgrade("--set", "intercept.enabled=false")
            until(lambda: answer(cluster, namespace) == "direct")
            traffic.more()
        assert rules(cluster) == []
    assert not traffic.failed(), kinds(traffic.failed())
    state(traffic.figure())


def test_uninstalling_leaves_no_rule_and_loses_nothing(cluster: Cluster, namespace: str, state: State):
    serve_unknowing(cluster, namespace)
    with capturing(cluster, namespace) as release:
        until(lambda: answer(cluster, namespace) == "routed")
        assert {line.partition(":")[0] for line in rules(cluster)} == set(NODES)
        with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
            cluster.control_plane.helm("uninstall", release.name, "-n", release.namespace)
            until(lambda: not cluster.pods(release.namespace))
            traffic.more()
        assert rules(cluster) == []
        assert answer(cluster, namespace) == "direct"
    assert not traffic.failed(), kinds(traffic.failed())
    state(traffic.figure())


def test_closed_refuses_until_it_is_uninstalled(cluster: Cluster, namespace: str, state: State):
    """While there is no router, and over its replacement, nothing goes directly."""
    serve_unknowing(cluster, namespace)
    with capturing(cluster, namespace, ",intercept.failureMode=closed") as release:
        until(lambda: answer(cluster, namespace) == "routed")

        router = release.routers()["node-1"]
        cluster.signal_pod(release.namespace, router, SIGSTOP, "noderouter")
        stopped = time.monotonic()
        until(lambda: answer(cluster, namespace) == "refused", TIMER_SECONDS + 10)
        refusing = time.monotonic() - stopped
        cluster.signal_pod(release.namespace, router, SIGCONT, "noderouter")
        until(lambda: answer(cluster, namespace) == "routed")

        cluster.control_plane.kubectl("delete", "pod", router, "-n", release.namespace, "--wait=false")
        seen = []
        while release.routers().get("node-1") in (router, None) or seen[-1:] != ["routed"]:
            seen.append(answer(cluster, namespace))
        assert set(seen) <= {"refused", "routed"}, seen  # the next one often is there before the last one has gone

        cluster.control_plane.helm("uninstall", release.name, "-n", release.namespace)
        assert rules(cluster) == []
        assert answer(cluster, namespace) == "direct"
        left = cluster.control_plane.kubectl(
            "get", "daemonsets,jobs,serviceaccounts,roles,rolebindings", "-n", release.namespace, "-o", "name"
        )
        assert left.split() == ["serviceaccount/default"]
    state(
        f"a router that hangs: refused within {refusing:.2f} s; while it was replaced {seen.count('refused')} of "
        f"{len(seen)} requests were refused, and none went directly"
    )
