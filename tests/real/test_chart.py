"""The chart and its image, installed by helm on real nodes: from the first pod to nothing left."""

import json
import time

import pytest

from tests.charts.helm import CHART
from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.controlplane import CommandFailed
from tests.cluster.real.cluster import RealCluster
from tests.testing.figures import State

pytestmark = pytest.mark.root


def everything(cluster: RealCluster, namespace: str) -> set[str]:
    """All objects of the namespace, and those of all namespaces that a chart may make; Events left out."""
    plane = cluster.control_plane
    kinds = set(plane.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split())
    kinds -= {"events", "events.events.k8s.io"}
    found = plane.kubectl("get", ",".join(sorted(kinds)), "-n", namespace, "-o", "name").split()
    return {*found, *plane.kubectl("get", "clusterroles,clusterrolebindings,priorityclasses", "-o", "name").split()}


def on_nodes(cluster: RealCluster, namespace: str) -> dict[str, str]:
    """What the nodes have of a namespace and of port 4140: containers and rules of portmap."""
    found = {}
    for name, node in cluster.real.items():
        containers = node.ctr("containers", "ls")
        rules = node.run("iptables-save") + node.run("nft", "list", "ruleset")
        found[name] = "\n".join(
            line for line in containers.splitlines() + rules.splitlines() if "noderouter" in line or "4140" in line
        )
    return found


def answer(cluster: RealCluster, address: str, host: str) -> str:
    """What a router answers, by the port of its node."""
    return cluster.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host}", f"http://{address}:4140/")


def test_the_life_of_a_release(real_cluster: RealCluster, real_namespace: str, state: State):
    plane = real_cluster.control_plane
    before, clean = everything(real_cluster, real_namespace), on_nodes(real_cluster, real_namespace)
    assert set(clean.values()) == {""}
    release = Release(real_cluster, real_namespace)
    began = time.monotonic()
    plane.helm("install", "router", str(CHART), "-n", real_namespace)
    real_cluster.wait_ready("daemonset", real_namespace, release.fullname)
    installed = time.monotonic() - began
    print("installed", installed)
    print(plane.kubectl("get", "pods", "-n", real_namespace, "-o", "wide"))
    for node in real_cluster.nodes:
        print(node, answer(real_cluster, node.address, "no.such.host"))
    print(on_nodes(real_cluster, real_namespace))
    b = time.monotonic()
    print(plane.helm("test", "router", "-n", real_namespace), time.monotonic() - b)
    b = time.monotonic()
    release.upgrade("--set", "logLevel=DEBUG")
    print("upgrade", time.monotonic() - b)
    b = time.monotonic()
    plane.helm("rollback", "router", "1", "-n", real_namespace)
    real_cluster.wait_ready("daemonset", real_namespace, release.fullname, 120)
    print("rollback", time.monotonic() - b)
    b = time.monotonic()
    plane.helm("uninstall", "router", "-n", real_namespace, "--wait")
    print("uninstall", time.monotonic() - b)
    print(everything(real_cluster, real_namespace) ^ before)
    print(on_nodes(real_cluster, real_namespace))
    until(lambda: on_nodes(real_cluster, real_namespace) == clean)
    until(lambda: everything(real_cluster, real_namespace) == before)
    print("nothing", time.monotonic() - b)
