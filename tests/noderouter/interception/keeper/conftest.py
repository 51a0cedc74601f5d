"""A node with pods for the tests that need one; they are skipped, with the reason, where it cannot be."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.noderouter.interception.keeper.keeper_node import Node
from tests.testing.pod_network import PodNetwork, missing, pod_network


@pytest.fixture
def make_network(tmp_path: Path) -> Iterator[Callable[..., PodNetwork]]:
    """Makes a node; it ends with the test."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if names := missing():
        pytest.skip(f"needs {names} (Debian: iproute2 nftables iptables ipset)")
    with ExitStack() as stack:

        def make(kind: str = "nftables", **options: bool) -> PodNetwork:
            made: AbstractContextManager[PodNetwork] = pod_network(tmp_path, kind, **options)
            return stack.enter_context(made)

        yield make


@pytest.fixture
def make_node(make_network, tmp_path):
    with ExitStack() as stack:

        def make(kind: str = "nftables") -> Node:
            network = make_network(kind, listening=False)
            folder = tmp_path / "run"
            folder.mkdir()
            return Node(network, folder, "nft" if kind == "nftables" else "iptables", stack)

        yield make
