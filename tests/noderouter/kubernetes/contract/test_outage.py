"""The real API server is restarted, stopped and frozen: what is known stays, and what changed meanwhile is learnt."""

import pytest
import trio

from dtab import Path
from noderouter.kubernetes.access import Kubeconfig
from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.timing import Timing
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.namer.k8s_namer import K8sNamer
from tests.noderouter.naming.fakes import Dns, Log
from tests.noderouter.naming.name import Name
from tests.testing.kube import endpoint_slice, port, service
from tests.testing.loop import until

TIMING = Timing(connect=1.0, answer=2.0, silence=2.0, longest_pause=0.5, linger=1.0)


@pytest.fixture
def k8s(control_plane, nursery: trio.Nursery):
    cluster = Clusters(nursery.start_soon, Log(), TIMING).get(Kubeconfig(str(control_plane.admin_kubeconfig)))
    resolver = Resolver(nursery.start_soon, Log(), query=Dns().query)
    return K8sNamer(Path.of("#", "io.l5d.k8s"), PathForm(), cluster, resolver)


def put(plane, namespace, *ips, method="PUT"):
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    made = endpoint_slice("hello", ips, namespace=namespace)
    answer = plane.request(method, path if method == "POST" else f"{path}/hello-abcde", made)
    assert answer.status_code in (200, 201), answer.text


def begin(plane, namespace):
    made = service("hello", port(80, 8080, "http"), namespace=namespace)
    plane.request("POST", f"/api/v1/namespaces/{namespace}/services", made)
    put(plane, namespace, "10.0.0.1", method="POST")


@pytest.mark.slow
async def test_a_restart(control_plane, namespace, k8s, nursery):
    begin(control_plane, namespace)
    with Name(k8s, f"/{namespace}/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        await trio.to_thread.run_sync(control_plane.stop_api)
        try:
            await until(lambda: any(health.error for health in k8s.cluster.healths()))
            await name.is_bound("10.0.0.1:8080")
        finally:
            await trio.to_thread.run_sync(control_plane.start_api)
        await trio.to_thread.run_sync(put, control_plane, namespace, "10.0.0.2")
        await name.is_bound("10.0.0.2:8080")
    nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_it_freezes(control_plane, namespace, k8s, nursery):
    """Connections stay open, and nothing comes: only the time of silence tells."""
    begin(control_plane, namespace)
    with Name(k8s, f"/{namespace}/http/hello") as name:
        await name.is_bound("10.0.0.1:8080")
        control_plane.pause_api()
        try:
            await until(lambda: all(health.error for health in k8s.cluster.healths()), 10.0)
            await name.is_bound("10.0.0.1:8080")
        finally:
            control_plane.resume_api()
        await trio.to_thread.run_sync(put, control_plane, namespace, "10.0.0.2")
        await name.is_bound("10.0.0.2:8080")
    nursery.cancel_scope.cancel()
