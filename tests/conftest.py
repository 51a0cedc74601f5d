"""Fixtures and settings for all tests.

Properties are the same ones on every run: the gate's verdict must not be drawn by lot. `make explore` searches with
fresh seeds; what it finds becomes an `@example`. Nothing is timed, for machines differ.
"""

from hypothesis import settings

from tests.cluster.fixtures import cluster, control_plane, namespace, real_cluster, real_namespace

__all__ = ["cluster", "control_plane", "namespace", "real_cluster", "real_namespace"]

settings.register_profile("explore", deadline=None, derandomize=False)
settings.register_profile("gate", settings.get_profile("explore"), derandomize=True, database=None)
settings.load_profile("gate")
