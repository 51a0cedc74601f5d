"""Pods are replaced under load as kubelets do it: a Deployment, the routers themselves, all pods of a node."""

import json
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import Object, until
from tests.cluster.fixtures import namespace_of
from tests.cluster.real.cluster import RealCluster
from tests.e2e_cluster.test_routers import closed
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import serve, serve_everywhere
from tests.testing.figures import State

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def mesh(real_cluster: RealCluster) -> Iterator[Release]:
    """The chart with its default values."""
    namespaces = namespace_of(real_cluster.control_plane)
    with closing(namespaces), Release.installed(real_cluster, next(namespaces)) as release:
        yield release


def roll(cluster: RealCluster, namespace: str) -> None:
    """Roll `deployment/hello`, until its old pods are gone."""
    old = {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")}
    cluster.control_plane.kubectl("rollout", "restart", "deployment/hello", "-n", namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    until(lambda: not old & {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_deployment_is_rolled(
    real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State, method: str
):
    """Its server ends at once when it is told to; where a POST may be lost by that, it has a preStop."""
    patient = {"lifecycle": {"preStop": {"sleep": {"seconds": 2}}}} if method == "POST" else {}
    serve(real_cluster, real_namespace, node="", **patient)
    with steady(real_cluster, real_namespace, f"http://hello.{real_namespace}/", method) as traffic:
        roll(real_cluster, real_namespace)
        traffic.more()
    state(traffic.figure())
    assert not traffic.failed(), kinds(traffic.failed())


def test_all_routers_are_rolled(real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State):
    serve_everywhere(real_cluster, real_namespace)
    with steady(real_cluster, real_namespace, f"http://hello.{real_namespace}/") as traffic:
        old = set(mesh.routers().values())
        mesh.roll()
        traffic.more(100)
    assert not old & set(mesh.routers().values())
    failed = traffic.failed()
    window = failed[-1].ended - failed[0].began if failed else 0.0
    state(f"the port of the client's node was closed for {window:.2f} s; {traffic.figure()}, all of them by that")
    assert all(closed(request) for request in failed), kinds(failed)
    assert window < 30


SLOW_SECONDS = 6.0


def test_a_request_that_a_router_has_in_hand_when_it_is_told_to_end(
    real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State
):
    """Its pod goes on for preStopSeconds, then drains; the kubelet waits for it."""
    serve(real_cluster, real_namespace, env=[{"name": "TAKES", "value": str(SLOW_SECONDS)}])
    old = mesh.routers()["node-1"]
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://hello.{real_namespace}/"]
    began = time.monotonic()
    with real_cluster.popen(real_namespace, "client", *command) as request:
        until(lambda: mesh.metric("node-1", "rt/outgoing/server/0.0.0.0/4140/pending") >= 1)
        deleting = time.monotonic()
        real_cluster.control_plane.kubectl("delete", "pod", old, "-n", mesh.namespace)  # waits until it is gone
        gone = time.monotonic()
        said, error = request.communicate()
    until(lambda: mesh.routers().get("node-1") not in (None, old))
    real_cluster.wait_ready("pod", mesh.namespace, mesh.routers()["node-1"])
    state(f"told to end {deleting - began:.1f} s after it began, and gone after {gone - began:.1f} s; answered {said}")
    assert said == "200", (said, error)


SELECTOR = {"matchLabels": {"app": "hello"}}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "hello"},
    "spec": {"selector": SELECTOR, "maxUnavailable": 1},
}
EVEN = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "nodeTaintsPolicy": "Honor",  # a node that is drained need have none
    "labelSelector": SELECTOR,
    "matchLabelKeys": ["pod-template-hash"],
}
SPREAD = {"spec": {"template": {"spec": {"topologySpreadConstraints": [EVEN]}}}}


def test_a_node_is_drained_and_taken_back(real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State):
    """Its router is not evicted, so what is under way there ends by it; with a pod elsewhere no request is lost."""
    plane = real_cluster.control_plane
    serve(real_cluster, real_namespace, node="")
    plane.kubectl("patch", "deployment/hello", "-n", real_namespace, "-p", json.dumps(SPREAD))
    real_cluster.apply(BUDGET, real_namespace)
    real_cluster.wait_ready("deployment", real_namespace, "hello")
    until(lambda: len(real_cluster.pods(real_namespace, "app=hello")) == 2)
    routers = mesh.routers()
    assert nodes(real_cluster, real_namespace) == {"node-1", "node-2"}
    with steady(real_cluster, real_namespace, f"http://hello.{real_namespace}/") as traffic:
        began = time.monotonic()
        try:
            plane.kubectl("drain", "node-2", "--ignore-daemonsets", "--timeout=150s")
            drained = time.monotonic()
            real_cluster.wait_ready("deployment", real_namespace, "hello")
            assert nodes(real_cluster, real_namespace) == {"node-1"}
            traffic.more()
        finally:
            plane.kubectl("uncordon", "node-2")
        plane.kubectl("scale", "deployment/hello", "-n", real_namespace, "--replicas=4")
        real_cluster.wait_ready("deployment", real_namespace, "hello")
        traffic.more()
    assert mesh.routers() == routers
    far = {name(p) for p in real_cluster.pods(real_namespace, "app=hello") if p["spec"]["nodeName"] == "node-2"}
    assert far & {request.pod for request in traffic.requests}
    assert not traffic.failed(), kinds(traffic.failed())
    state(f"drained in {drained - began:.1f} s; {traffic.figure()}")


def nodes(cluster: RealCluster, namespace: str) -> set[str]:
    """Where `hello` runs."""
    return {pod["spec"]["nodeName"] for pod in cluster.pods(namespace, "app=hello")}


def name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
