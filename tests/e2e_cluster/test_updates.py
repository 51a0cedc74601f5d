"""Routers are replaced, by what is good and what is not, or end for good, and no request is lost: whether they are
reached by a Service, or by the node.

Where pods reach their router by a host port it is away for a moment: `test_routers.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.charts.helm import CHART
from tests.charts.release import Release
from tests.cluster.any_cluster import AnyCluster, Object, until
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import CommandFailed
from tests.cluster.workload import CLIENT, pod, service, workload
from tests.e2e_cluster.traffic import Traffic, kinds, steady
from tests.e2e_cluster.workloads import _server
from tests.testing.figures import State

pytestmark = pytest.mark.root

PORTS = "ports.outgoing.port=4240,ports.incoming.port=4241,ports.admin.port=9890,ports.probes.port=9891"
"""The node's own are those of the installation that other tests have."""
QUICK = "minReadySeconds=0,startupProbe.periodSeconds=1,readinessProbe.periodSeconds=1"
UNKNOWN = '[{"kind": "io.l5d.nonsense", "rootDir": "/"}]'
"""Namers that no version has."""
MODES = {
    "service": (f"outgoing.via=service,{QUICK}", "http://{name}.{namespace}:4140"),
    "node": (f"outgoing.via=node,{PORTS},{QUICK}", "http://$(NODE_IP):4240"),
}


def client(proxy: str) -> Object:
    """A pod whose requests go to `proxy`."""
    node = {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}
    env = [node, {"name": "http_proxy", "value": proxy}]
    return pod("client", {**CLIENT, "command": ["sleep", "infinity"], "env": env}, nodeName="node-1")


@contextmanager
def loaded(cluster: AnyCluster, namespace: str, mode: str, *, ends: bool = False) -> Iterator[tuple[Release, Traffic]]:
    """A release, pods on a node, and a client on the other that asks them without a pause.

    Nothing is lost; with `ends`, nothing that a router has accepted: in the end nobody takes connections.
    """
    values, proxy = MODES[mode]
    with Release.installed(cluster, namespace, "router", "--set", values) as release:
        ready = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1}
        patient = {"readinessProbe": ready | {"timeoutSeconds": 10, "failureThreshold": 10}}  # the machine is busy
        server = workload("Deployment", "hello", _server("hello") | patient, replicas=2, nodeName="node-2")
        asks = client(proxy.format(name=release.fullname, namespace=namespace))
        cluster.apply([server, service("hello"), asks], namespace)
        cluster.wait_ready("deployment", namespace, "hello")
        cluster.wait_ready("pod", namespace, "client")
        with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
            yield replace(release, admin_port=9890 if mode == "node" else 9990), traffic
    lost = [each for each in traffic.failed() if not (ends and each.said.startswith("not connected"))]
    assert not lost, kinds(lost)


def upgrade(release: Release, *args: str) -> None:
    """Ship other values, and wait for nothing but the hooks."""
    plane = release.cluster.control_plane
    plane.helm("upgrade", release.name, str(CHART), "-n", release.namespace, "--reuse-values", *args)


def crashed(release: Release) -> list[str]:
    """Pods whose router has ended by itself."""
    pods = release.cluster.pods(release.namespace, "app.kubernetes.io/name=noderouter")
    return [
        each["metadata"]["name"]
        for each in pods
        for status in each.get("status", {}).get("containerStatuses", [])
        if status["name"] == "noderouter" and status.get("restartCount")
    ]


def replaced(release: Release, traffic: Traffic) -> None:
    """Have all routers replaced, and some more requests sent."""
    before = set(release.routers().values())
    release.roll()
    traffic.more()
    assert not before & set(release.routers().values())


def updated(cluster: AnyCluster, namespace: str, mode: str, state: State) -> None:
    """Replace all routers under load: no request is lost, and each goes through one."""
    with loaded(cluster, namespace, mode) as (release, traffic):
        replaced(release, traffic)
        assert not traffic.direct()
    state(f"{mode}: {traffic.figure()}")


@pytest.mark.parametrize("mode", MODES)
def test_an_update_loses_no_request(cluster: Cluster, namespace: str, mode: str, state: State):
    updated(cluster, namespace, mode, state)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_wrong_takes_no_node(cluster: Cluster, namespace: str, mode: str, tmp_path: Path, state: State):
    """A broken configuration and an invalid dtab: refused before anything changes; shipped all the same, harmless."""
    plane = cluster.control_plane
    table = tmp_path / "dtab"
    table.write_text("/svc => /host ;\n/svc => nonsense")
    with loaded(cluster, namespace, mode) as (release, traffic):
        good = release.dtab()
        before = release.routers()
        for wrong in (("--set-json", f"namers={UNKNOWN}"), ("--set-file", f"dtab={table}")):
            with pytest.raises(CommandFailed, match="pre-upgrade hooks failed"):
                upgrade(release, *wrong)
        assert (release.routers(), release.dtab()) == (before, good)

        upgrade(release, "--set-json", f"namers={UNKNOWN}", "--set", "hooks.validate=false")
        until(lambda: crashed(release))
        traffic.more()
        assert set(before.values()) <= {each["metadata"]["name"] for each in cluster.pods(namespace)}
        plane.helm("rollback", release.name, "1", "-n", namespace)
        cluster.wait_ready("daemonset", namespace, release.fullname, seconds=120)

        upgrade(release, "--set-file", f"dtab={table}", "--set", "hooks.validate=false")
        until(lambda: release.metric("node-1", "rt/outgoing/interpreter/dtab_refused_now") == 1)
        release.roll()  # a node that joins is no other: a router that has seen no good table
        traffic.more()
        assert "the last good one of its peers; refused: line 2" in release.admin("node-1", "/readyz?verbose")
    state(f"{mode}: {traffic.figure()}")


@pytest.mark.parametrize("mode", MODES)
def test_uninstalling_answers_what_was_accepted(cluster: Cluster, namespace: str, mode: str, state: State):
    """Roles and dtab outlive the routers. The client's proxy is gone then: it is told so by nobody answering."""
    plane = cluster.control_plane
    with loaded(cluster, namespace, mode, ends=True) as (release, traffic):
        plane.helm("uninstall", release.name, "-n", namespace)
        traffic.until(lambda request: not request.good, 0)
        ours = "daemonset,service,configmap,role,rolebinding,serviceaccount"
        assert (
            plane.kubectl("get", ours, "-n", namespace, "-l", "app.kubernetes.io/name=noderouter", "-o", "name") == ""
        )
        assert not plane.kubectl("get", "clusterrole,clusterrolebinding", "-o", "name").count(f"/{release.fullname}")
    state(f"{mode}: {traffic.figure()}, all of them not accepted")
