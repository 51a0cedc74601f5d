"""Fixtures and settings for all tests.

Properties are the same ones on every run: the gate's verdict must not be drawn by lot. `make explore` searches with
fresh seeds; what it finds becomes an `@example`. Nothing is timed, for machines differ. `make quick` takes a
tenth of the gate's examples.
"""

import pytest
from hypothesis import settings

from tests.cluster.fixtures import cluster, control_plane, namespace, real_cluster, real_namespace

__all__ = ["cluster", "control_plane", "namespace", "real_cluster", "real_namespace"]

settings.register_profile("explore", deadline=None, derandomize=False)
settings.register_profile("gate", settings.get_profile("explore"), derandomize=True, database=None)
settings.register_profile("quick", settings.get_profile("gate"), max_examples=10)
settings.load_profile("gate")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a Kubernetes API server, so that they can be left out."""
    for item in items:
        if {"control_plane", "real_cluster"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kubernetes)
