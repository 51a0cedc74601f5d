"""The API server restarts, and is cut off for longer: routers go on with what they know, and catch up afterwards."""

import os
import time

import pytest

from tests.charts.release import Release
from tests.cluster.cluster import Cluster
from tests.e2e_cluster.traffic import Traffic, kinds, steady
from tests.e2e_cluster.workloads import serve
from tests.testing.figures import State

pytestmark = pytest.mark.root

CUT_OFF_SECONDS = float(os.environ.get("NODEROUTER_E2E_CUT_OFF_SECONDS", "20"))
"""A minute with `make e2e`."""
CAUGHT_UP_SECONDS = 60.0
"""What it may take until routers have found that the API is back: their back-off is in it."""


def reroute(mesh: Release, traffic: Traffic, namespace: str) -> float:
    """Send everything to `hello-next`; answers how many seconds after the edit the last request went the old way."""
    route = f"/svc/hello.{namespace} => /host/{namespace}/hello-next ;"
    edited = mesh.write_dtab(f"{mesh.dtab()}\n{route}\n")
    traffic.until(lambda request: request.app == "hello-next", edited, CAUGHT_UP_SECONDS)
    traffic.more(100)
    return max(request.began for request in traffic.requests if request.app == "hello") - edited


def serve_both(cluster: Cluster, namespace: str) -> None:
    serve(cluster, namespace)
    serve(cluster, namespace, "hello-next", "node-1")
    # Routers go on with what they know, and the one of that node knows nothing of this namespace yet.
    asked = ("curl", "-sS", "--fail", "--max-time", "20", f"http://hello-next.{namespace}/")
    assert "hello-next" in cluster.exec(namespace, "client", *asked)


def test_the_api_server_restarts(cluster: Cluster, mesh: Release, namespace: str, state: State):
    serve_both(cluster, namespace)
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        cluster.control_plane.stop_api()
        traffic.more(100)
        cluster.control_plane.start_api()
        cluster.control_plane.restart_controllers()
        seconds = reroute(mesh, traffic, namespace)
    assert not traffic.failed(), kinds(traffic.failed())
    state(f"the first edit of the dtab took effect {seconds:+.2f} s after kubectl returned; {traffic.figure()}")


def test_the_api_server_is_cut_off(cluster: Cluster, mesh: Release, namespace: str, state: State):
    """Meanwhile a pod dies, of which nobody can tell the routers, and comes back."""
    serve_both(cluster, namespace)
    victim = cluster.pods(namespace, "app=hello")[0]["metadata"]["name"]
    with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
        cluster.control_plane.pause_api()
        began = time.monotonic()
        try:
            traffic.more(100)
            cluster.kill_pod(namespace, victim)
            killed = time.monotonic()
            traffic.until(lambda request: request.pod == victim, killed)  # restarted, and found to be alive again
            while time.monotonic() < began + CUT_OFF_SECONDS:
                traffic.more(10)
        finally:
            cluster.control_plane.resume_api()
        seconds = reroute(mesh, traffic, namespace)
    assert not traffic.failed(), kinds(traffic.failed())
    assert set(mesh.routers()) == {"node-1", "node-2"}
    state(
        f"for {CUT_OFF_SECONDS:g} s, with a pod killed meanwhile; the first edit of the dtab afterwards took effect "
        f"{seconds:+.2f} s after kubectl returned; {traffic.figure()}"
    )
