"""Where the other routers are, as the Kubernetes API says it."""

from collections.abc import AsyncIterator

import pytest
import trio

from noderouter.admin.mesh import peers as module
from noderouter.admin.mesh.peers import ListedPeers, NoPeers, Peer, ServicePeers
from noderouter.kubernetes.clusters import Cluster, Clusters
from tests.noderouter.kubernetes.conftest import QUICK
from tests.noderouter.naming.fakes import Log
from tests.testing.api_server import ApiServer, api_server
from tests.testing.kube import endpoint, endpoint_slice, not_ready


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def cluster(nursery: trio.Nursery, server: ApiServer) -> AsyncIterator[Cluster]:
    yield Clusters(nursery.start_soon, Log(), QUICK).get(server.access)
    nursery.cancel_scope.cancel()


def of(cluster: Cluster) -> ServicePeers:
    return ServicePeers(cluster, "mesh", "noderouter-metrics", "probes")


async def test_the_endpoints_of_a_service_ready_or_not(server: ApiServer, cluster: Cluster) -> None:
    pods = [endpoint("10.0.0.1", nodeName="a"), not_ready("10.0.0.2", nodeName="b")]
    server.store.put("endpointslices", endpoint_slice("noderouter-metrics", pods, {"probes": 9991}, namespace="mesh"))
    six = endpoint_slice(
        "noderouter-metrics",
        [endpoint("fd00::3", uid="uid-10.0.0.1"), endpoint("fd00::4", nodeName="d")],
        {"admin": 1, "probes": 9992},
        suffix="six",
        namespace="mesh",
        family="IPv6",
    )
    server.store.put("endpointslices", six)
    found = await of(cluster).find()
    assert sorted((each.port, each.node) for each in found) == [(9991, "a"), (9991, "b"), (9992, "d")]
    assert "uid" not in repr(found)


async def test_a_service_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(NoPeers, match="Service noderouter-metrics in mesh: it has no endpoints, or does not exist"):
        await of(cluster).find()


async def test_an_api_that_is_away(monkeypatch: pytest.MonkeyPatch, server: ApiServer, cluster: Cluster) -> None:
    server.away()
    with pytest.raises(NoPeers, match=r"Service noderouter-metrics in mesh: .*connect"):
        await of(cluster).find()
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with pytest.raises(NoPeers, match="has not said within"):
        await ServicePeers(cluster, "mesh", "another", "probes").find()


async def test_a_list() -> None:
    assert await ListedPeers([Peer("10.0.0.1", 9991)]).find() == (Peer("10.0.0.1", 9991),)
