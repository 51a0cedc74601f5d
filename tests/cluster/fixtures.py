"""The fixtures that tests use; tests/conftest.py makes them known to all tests.

One control plane for a whole run, started by the first test that asks for it; each test has a namespace of its own.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.cluster.binaries import MissingCommand
from tests.cluster.cluster import Cluster
from tests.cluster.controlplane import ControlPlane
from tests.cluster.real import images
from tests.cluster.real.cluster import RealCluster, missing
from tests.image.engine import Unavailable

NODE_COMMANDS = ("ip", "nft", "nsenter", "unshare", "setpriv")
ACCOUNT_SECONDS = 60.0
"""How long the controllers may take to give a new namespace its service account."""


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A real API server with controllers; skips where its commands are missing."""
    try:
        plane = ControlPlane()
    except MissingCommand as error:
        pytest.skip(str(error))
    with plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    """The control plane with two nodes, `node-1` and `node-2`; skips without root."""
    if os.geteuid() != 0:
        pytest.skip("nodes are network namespaces, which need root")
    if missing := [name for name in NODE_COMMANDS if shutil.which(name) is None]:
        pytest.skip(f"nodes need {', '.join(missing)} (Debian: iproute2 nftables util-linux)")
    with Cluster(control_plane) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[RealCluster]:
    """Two real nodes, with an API server of their own; skips where containers cannot run, or no image be built."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    try:
        made = RealCluster(images.archives())
    except (MissingCommand, Unavailable) as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace, which has its `default` service account already; deleted at the end, without waiting."""
    yield from namespace_of(control_plane)


@pytest.fixture
def real_namespace(real_cluster: RealCluster) -> Iterator[str]:
    """The same, among the real nodes."""
    yield from namespace_of(real_cluster.control_plane)


def namespace_of(control_plane: ControlPlane) -> Iterator[str]:
    """Make a namespace and, when the generator is closed, delete it."""
    name = f"test-{secrets.token_hex(4)}"
    made = control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status_code == 201, made.text
    end = time.monotonic() + ACCOUNT_SECONDS
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    while control_plane.request("GET", path).status_code != 200:
        assert time.monotonic() < end, f"the controllers gave {name} no service account"
        time.sleep(0.05)
    try:
        yield name
    finally:
        control_plane.request("DELETE", f"/api/v1/namespaces/{name}")
