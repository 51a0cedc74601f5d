"""The record of a watch, and its metrics.

Covers `gauges.py`.
"""

from noderouter.kubernetes.gauges import WatchGauges
from noderouter.kubernetes.paths import configmaps
from noderouter.kubernetes.replica import Counts
from noderouter.kubernetes.watch_health import WatchHealth, shown
from noderouter.telemetry.tree import MetricsTree
from tests.testing.loop import until


def test_a_life():
    health = WatchHealth("x", Counts())
    assert health.age() == -1
    assert health.state()["lastStreamDataAt"] is None
    health.opened()
    assert (health.streaming, health.restarts) == (True, 0)
    health.said("ADDED")
    assert 0 <= health.age() < 5
    health.ended()
    assert health.failed("gone")
    assert not health.failed("still gone")
    assert (health.failures, health.error) == (2, "still gone")
    health.opened()
    assert (health.streaming, health.restarts) == (True, 1)
    assert health.error is not None  # open is not yet well
    health.said("BOOKMARK")
    assert (health.error, health.failing_seconds()) == (None, 0.0)


def test_times_are_written_as_linkerd_did():
    assert shown(0) is None
    assert shown(1_700_000_000) == "2023-11-14 22:13:20 +0000"


async def test_metrics_come_and_go_with_watches(server, cluster):
    metrics = MetricsTree()
    gauges = WatchGauges(metrics, [cluster])
    watch = cluster.object(configmaps("default"), "dtab")
    watch.var.hold()
    slices = cluster.endpoints.slices("default", "hello")
    slices.hold()
    await until(lambda: len(server.watches) == 2)
    gauges.update()

    def shown_of_slices():
        place = metrics.scope("kubernetes", str(cluster.access), "watch", "endpointslices/default")
        return {sample.path[-1]: sample.value for sample in place.samples(("x",))}

    await until(lambda: shown_of_slices()["streaming"] == 1.0)
    read = shown_of_slices()
    assert 0 <= read["last_event_age_seconds"] < 5
    assert read["lists"] == 1
    slices.release()
    await until(lambda: not cluster.endpoints.groups)
    gauges.update()
    names = {sample.path[3] for sample in metrics.samples() if sample.path[0] == "kubernetes"}
    assert names == {"configmaps/default/dtab"}
    watch.var.release()
