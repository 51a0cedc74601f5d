"""One cluster for each way to an API; what is shared is shared by equal ways only."""

from noderouter.kubernetes.access import Kubeconfig, Plain
from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.paths import configmaps, services


async def test_equal_ways_share_a_cluster(nursery, log):
    clusters = Clusters(nursery.start_soon, log)
    one = clusters.get(Plain("127.0.0.1", 1))
    assert clusters.get(Plain("127.0.0.1", 1)) is one
    assert clusters.get(Kubeconfig("config")) is not one
    assert len(list(clusters)) == 2
    nursery.cancel_scope.cancel()


async def test_one_watch_for_each_object(cluster):
    watch = cluster.object(configmaps("mesh"), "routes")
    assert cluster.object(configmaps("mesh"), "routes") is watch
    assert cluster.object(configmaps("other"), "routes") is not watch
    assert cluster.object(services("mesh"), "routes") is not watch
    assert [health.name for health in cluster.healths()] == [
        "configmaps/mesh/routes", "configmaps/other/routes", "services/mesh/routes",
    ]  # fmt: skip
    assert cluster.state()["services"] == 0
