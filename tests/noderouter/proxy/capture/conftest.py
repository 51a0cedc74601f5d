"""A node with pods, as the tests of the rules have it."""

from tests.noderouter.interception.keeper.conftest import make_network

__all__ = ["make_network"]
