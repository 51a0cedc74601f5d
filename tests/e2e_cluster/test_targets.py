"""The service that requests go to: rolled, killed, gone and back. Its pods are on the other node than the client.

The server of these pods ends at once when it is told to, with requests in its hands: no preStop hook makes it easy,
where the test does not say so. Requests are GETs then, which the outgoing router may send again.
"""

import time

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.cluster.workload import service
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import serve
from tests.testing.busy import BUSY_SECONDS
from tests.testing.figures import State

pytestmark = pytest.mark.root

FOLLOWED_SECONDS = 5.0 + BUSY_SECONDS
"""What a change may take from the API to the routers, very generously; the figures say what it does take."""


def test_a_deployment_is_rolled(cluster: Cluster, mesh: Release, namespace: str, state: State):
    serve(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        old = {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")}
        cluster.control_plane.kubectl("rollout", "restart", "deployment/hello", "-n", namespace)
        cluster.wait_ready("deployment", namespace, "hello")
        until(lambda: not old & {pod["metadata"]["name"] for pod in cluster.pods(namespace, "app=hello")})
        gone = time.monotonic()
        traffic.more()
    assert not traffic.failed(), kinds(traffic.failed())
    assert not old & {request.pod for request in traffic.after(gone)}
    state(traffic.figure())


def test_a_deployment_is_rolled_and_no_post_is_lost(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """What may have been received is not sent a second time; so these pods wait a moment before they end."""
    serve(cluster, namespace, lifecycle={"preStop": {"sleep": {"seconds": 2}}})
    with steady(cluster, namespace, f"http://hello.{namespace}/", method="POST") as traffic:
        cluster.control_plane.kubectl("rollout", "restart", "deployment/hello", "-n", namespace)
        cluster.wait_ready("deployment", namespace, "hello")
        until(lambda: len(cluster.pods(namespace, "app=hello")) == 2)
    assert not traffic.failed(), kinds(traffic.failed())
    state(f"with preStop: {traffic.figure()}")


def test_a_pod_is_killed_without_warning(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """Kubernetes goes on calling it ready until its node has noticed; connections to it are reset or refused."""
    serve(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        for pod in cluster.pods(namespace, "app=hello"):
            name = pod["metadata"]["name"]
            cluster.kill_pod(namespace, name)
            killed = time.monotonic()
            traffic.until(lambda request: request.pod == name, killed)  # restarted
    assert not traffic.failed(), kinds(traffic.failed())
    state(f"each of two pods: {traffic.figure()}")


def test_a_pod_is_killed_with_posts_in_its_hands(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """These, and no others, are lost: nobody knows whether the pod has carried them out, so they are not repeated."""
    serve(cluster, namespace)
    victim = cluster.pods(namespace, "app=hello")[0]["metadata"]["name"]
    with steady(cluster, namespace, f"http://hello.{namespace}/", method="POST") as traffic:
        before = time.monotonic()
        cluster.kill_pod(namespace, victim)
        after = time.monotonic()
        traffic.until(lambda request: request.pod == victim, after)
    failed = traffic.failed()
    assert {request.status for request in failed} <= {502}, kinds(failed)
    assert all("connection lost" in request.said for request in failed), kinds(failed)
    assert all(request.began < after and request.ended > before for request in failed)
    state(f"{traffic.figure()}, all of them in the hands of that pod")


def test_a_deployment_is_scaled_to_zero_and_back(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """While there is no pod, the answer is 502 at once: the service exists, so nothing else is asked in its place."""
    serve(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        scale = ("scale", "deployment/hello", "-n", namespace)
        down = time.monotonic()
        cluster.control_plane.kubectl(*scale, "--replicas=0")
        traffic.until(lambda request: not request.good, down)
        until(lambda: not cluster.pods(namespace, "app=hello"))
        empty = time.monotonic()
        traffic.more(100)
        up = time.monotonic()
        cluster.control_plane.kubectl(*scale, "--replicas=2")
        cluster.wait_ready("deployment", namespace, "hello")
        ready = time.monotonic()
        traffic.more(100)
        back = traffic.until(lambda request: request.good, up)
    failed = traffic.failed()
    assert {request.status for request in failed} == {502}, kinds(failed)
    without = [request for request in traffic.after(empty) if request.ended < up]
    assert all("has no address" in request.said for request in without), kinds(without)
    assert max(request.seconds for request in failed) < FOLLOWED_SECONDS
    assert down < failed[0].began
    assert failed[-1].began < ready + FOLLOWED_SECONDS
    assert not [request for request in without if request.good]
    state(
        f"the first good answer {back.ended - ready:+.2f} s after the Deployment was ready, the last 502 "
        f"{failed[-1].began - ready:+.2f} s; {traffic.figure()}, all of them while there was no pod"
    )


def test_a_service_is_deleted_and_made_again(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """Without the Service nobody knows the name. Its pods live on, and get requests as soon as it is there again."""
    serve(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        deleting = time.monotonic()
        cluster.control_plane.kubectl("delete", "service", "hello", "-n", namespace)
        gone = time.monotonic()
        traffic.until(lambda request: not request.good, deleting)
        traffic.more(200)
        making = time.monotonic()
        cluster.apply(service("hello"), namespace)
        made = time.monotonic()
        back = traffic.until(lambda request: request.good, making)
        traffic.more(200)
    failed = traffic.failed()
    assert {request.status for request in failed} == {502}, kinds(failed)
    assert deleting < failed[0].began < gone + FOLLOWED_SECONDS
    assert failed[-1].began < made + FOLLOWED_SECONDS
    state(
        f"the first failure {failed[0].began - gone:+.2f} s after kubectl had deleted it, the first good answer "
        f"{back.ended - made:+.2f} s after kubectl had made it; {traffic.figure()}, all of them in between"
    )
