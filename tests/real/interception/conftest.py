"""One installation with interception for all tests of this folder."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.charts.release import Release
from tests.cluster.fixtures import namespace_of
from tests.cluster.real.cluster import RealCluster
from tests.real.interception.site import Side

VALUES = "intercept.enabled=true,minReadySeconds=0,readinessProbe.periodSeconds=1"


@pytest.fixture(scope="package")
def mesh(real_cluster: RealCluster) -> Iterator[Release]:
    """The chart with interception."""
    namespaces = namespace_of(real_cluster.control_plane)
    with closing(namespaces):
        with Release.installed(real_cluster, next(namespaces), "captured", "--set", VALUES) as release:
            yield release


@pytest.fixture(scope="package")
def sides(real_cluster: RealCluster, mesh: Release) -> Iterator[list[Side]]:
    """Of each node: a service with its pods there, and a pod that dials it and is captured."""
    namespaces = [namespace_of(real_cluster.control_plane) for _ in real_cluster.nodes]
    pairs = zip(real_cluster.nodes, namespaces, strict=True)
    found = [Side(real_cluster, mesh, node.name, next(namespace)) for node, namespace in pairs]
    for side in found:
        side.serve()
    for side in found:
        side.wait()
    yield found
    for each in namespaces:
        each.close()
