"""Routers are replaced while they capture: no request is lost, and none goes directly."""

import pytest

from tests.charts.helm import CHART
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.e2e_cluster.test_updates import UNKNOWN, crashed, replaced
from tests.e2e_cluster.traffic import kinds, steady
from tests.e2e_cluster.workloads import serve_unknowing
from tests.e2e_intercept.test_life import answer, capturing
from tests.testing.figures import State

pytestmark = pytest.mark.root


def test_an_update_loses_nothing_and_lets_nothing_pass(cluster: Cluster, namespace: str, state: State):
    """A good one twice, and one whose routers cannot start, which is rolled back."""
    serve_unknowing(cluster, namespace)
    with capturing(cluster, namespace) as release:
        until(lambda: answer(cluster, namespace) == "routed", 60)
        with steady(cluster, namespace, f"http://hello.{namespace}/") as traffic:
            for _ in range(2):
                replaced(release, traffic)
            plane, broken = cluster.control_plane, ("--set", "hooks.validate=false", "--set-json", f"namers={UNKNOWN}")
            plane.helm("upgrade", release.name, str(CHART), "-n", release.namespace, "--reuse-values", *broken)
            until(lambda: crashed(release), 60)
            traffic.more(200)
            plane.helm("rollback", release.name, "1", "-n", release.namespace)
            cluster.wait_ready("daemonset", release.namespace, release.fullname, seconds=120)
            traffic.more()
        figure, failed, direct = traffic.figure(), traffic.failed(), traffic.direct()
    assert not failed, kinds(failed)
    assert not direct, f"{len(direct)} went directly; {figure}"
    state(f"{figure}, none of them directly")
