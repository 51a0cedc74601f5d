"""Fixtures for all tests."""

from tests.cluster.fixtures import cluster, control_plane, namespace, real_cluster, real_namespace

__all__ = ["cluster", "control_plane", "namespace", "real_cluster", "real_namespace"]
