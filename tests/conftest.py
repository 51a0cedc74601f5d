"""Fixtures for all tests."""

from tests.cluster.fixtures import control_plane, namespace

__all__ = ["control_plane", "namespace"]
