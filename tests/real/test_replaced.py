"""Pods are replaced under load as kubelets do it: a Deployment, the routers themselves, all pods of a node."""

import time
from collections.abc import Iterator

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.real.cluster import RealCluster
from tests.e2e_cluster.test_routers import closed
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import serve, serve_everywhere
from tests.testing.figures import State

pytestmark = pytest.mark.root

NAMESPACE = "noderouter"


@pytest.fixture(scope="module")
def mesh(real_cluster: RealCluster) -> Iterator[Release]:
    """The chart with its default values."""
    real_cluster.control_plane.kubectl("create", "namespace", NAMESPACE)
    try:
        with Release.installed(real_cluster, NAMESPACE, "noderouter") as release:
            yield release
    finally:
        real_cluster.control_plane.kubectl("delete", "namespace", NAMESPACE)


def roll(cluster: RealCluster, namespace: str) -> float:
    """Roll `deployment/hello`; answers when its old pods were gone."""
    old = {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")}
    cluster.control_plane.kubectl("rollout", "restart", "deployment/hello", "-n", namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    until(lambda: not old & {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")})
    return time.monotonic()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_deployment_is_rolled(
    real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State, method: str
):
    """Its server ends at once when it is told to; where a POST may be lost by that, it has a preStop."""
    patient = {"lifecycle": {"preStop": {"sleep": {"seconds": 2}}}} if method == "POST" else {}
    serve(real_cluster, real_namespace, node="", **patient)
    with steady(real_cluster, real_namespace, f"http://hello.{real_namespace}/", method) as traffic:
        gone = roll(real_cluster, real_namespace)
        traffic.more()
    state(f"{traffic.figure()}")
    assert not traffic.failed(), kinds(traffic.failed())


def test_all_routers_are_rolled(real_cluster: RealCluster, mesh: Release, real_namespace: str, state: State):
    serve_everywhere(real_cluster, real_namespace)
    with steady(real_cluster, real_namespace, f"http://hello.{real_namespace}/") as traffic:
        old = set(mesh.routers().values())
        mesh.roll()
        traffic.more(100)
    assert not old & set(mesh.routers().values())
    failed = traffic.failed()
    print(kinds(failed))
    t0 = failed[0].began
    for r in traffic.requests:
        if t0 - 1.3 < r.began < failed[-1].ended + 1.5 and (r.good and r.seconds > 0.15 or r is failed[0] or r is failed[-1] or not r.good and r.seconds > .05):
            print(round(r.began - t0, 3), round(r.seconds, 3), r.status, r.said[:40], r.again)
    goods = sorted(r.ended for r in traffic.requests if r.good)
    import itertools
    print([(round(a - t0, 3), round(b - t0, 3)) for a, b in itertools.pairwise(goods) if b - a > 0.2])
    print(mesh.cluster.control_plane.kubectl("get", "events", "-n", NAMESPACE, "-o", "custom-columns=T:.lastTimestamp,M:.metadata.creationTimestamp,O:.involvedObject.name,R:.reason,X:.message"))
    window = failed[-1].ended - failed[0].began if failed else 0.0
    state(f"the port of the client's node was closed for {window:.2f} s; {traffic.figure()}, all of them by that")
    assert all(closed(request) for request in failed), kinds(failed)
    assert window < 30
