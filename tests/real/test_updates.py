"""The updates of `tests/e2e_cluster/test_updates.py` on real nodes: by the Service, by the node, and captured."""

import pytest

from tests.charts.release import Release
from tests.cluster.any_cluster import until
from tests.cluster.fixtures import namespace_of
from tests.cluster.real.cluster import RealCluster
from tests.e2e_cluster.test_updates import MODES, QUICK, replaced, updated
from tests.e2e_cluster.traffic import kinds
from tests.real.interception.site import Side
from tests.testing.figures import State

pytestmark = pytest.mark.root


@pytest.mark.parametrize("mode", MODES)
def test_an_update_loses_no_request(real_cluster: RealCluster, real_namespace: str, mode: str, state: State):
    updated(real_cluster, real_namespace, mode, state)


def test_an_update_while_capturing(real_cluster: RealCluster, real_namespace: str, state: State):
    values = ("--set", f"intercept.enabled=true,{QUICK}")
    with Release.installed(real_cluster, real_namespace, "captured", *values) as release:
        namespaces = namespace_of(real_cluster.control_plane)
        side = Side(real_cluster, release, "node-1", next(namespaces))
        side.serve()
        side.wait()
        until(side.routed, 60)
        with side.steady() as traffic:
            replaced(release, traffic)
        namespaces.close()
    assert not traffic.failed(), kinds(traffic.failed())
    assert not traffic.direct(), f"{len(traffic.direct())} went directly; {traffic.figure()}"
    state(f"{traffic.figure()}, none of them directly")
