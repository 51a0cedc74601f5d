"""The routers themselves are replaced, one node after the other.

A node's port is closed from the end of its old router to the beginning of the new one: two pods cannot have one host
port. That costs the pods of that node, which have no other way. It must not cost the pods of other nodes anything:
endpoints on the node whose router is away are reached directly.
"""

import time

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.e2e_cluster.traffic import Request, kinds, steady
from tests.e2e_cluster.workloads import serve, serve_everywhere
from tests.testing.figures import State

pytestmark = pytest.mark.root


def replace(mesh: Release, node: str) -> None:
    """Delete the router of a node, as an upgrade does, and wait for the next one."""
    old = mesh.routers()[node]
    mesh.cluster.control_plane.kubectl("delete", "pod", old, "-n", mesh.namespace)
    until(lambda: mesh.routers().get(node) not in (None, old))
    mesh.cluster.wait_ready("daemonset", mesh.namespace, mesh.fullname)


def test_the_router_of_another_node_is_replaced(cluster: Cluster, mesh: Release, namespace: str, state: State):
    serve_everywhere(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        replace(mesh, "node-2")
        far = {p["metadata"]["name"] for p in cluster.pods(namespace, "app=hello") if p["spec"]["nodeName"] == "node-2"}
        traffic.until(lambda request: request.pod in far, time.monotonic())
    assert not traffic.failed(), kinds(traffic.failed())
    state(traffic.figure())


def test_the_router_of_the_only_node_of_a_service_is_replaced(
    cluster: Cluster, mesh: Release, namespace: str, state: State
):
    """Its pods stay reachable: there are no others."""
    serve(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        replace(mesh, "node-2")
        traffic.more(100)
    assert not traffic.failed(), kinds(traffic.failed())
    state(traffic.figure())


def test_all_routers_are_rolled(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """What fails is connecting to the port of the client's own node, while it is closed, and nothing else."""
    serve_everywhere(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        old = set(mesh.routers().values())
        mesh.roll()
        traffic.more(100)
    assert not old & set(mesh.routers().values())
    failed = traffic.failed()
    assert all(closed(request) for request in failed), kinds(failed)
    window = failed[-1].ended - failed[0].began if failed else 0.0
    assert window < 30
    state(f"the port of the client's node was closed for {window:.2f} s; {traffic.figure()}, all of them by that")


def closed(request: Request) -> bool:
    """Whether a request failed because nobody listened."""
    return request.status == 0 and request.said.startswith("not connected")
