"""An API to test against: the fake one, and the real one where its commands are there."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from noderouter.kubernetes.access import Access, Kubeconfig
from noderouter.kubernetes.clusters import Cluster, Clusters
from noderouter.kubernetes.paths import Resource
from noderouter.kubernetes.timing import Timing
from tests.noderouter.naming.fakes import Log
from tests.testing.api_server import api_server

BRISK = Timing(first_pause=0.01, longest_pause=0.2, steady=0.2, patience=2.0, linger=1.0)


@dataclass(frozen=True, slots=True)
class Contract:
    """A cluster, and a namespace of our own in it."""

    cluster: Cluster
    namespace: str

    async def create(self, resource: Resource, thing: Mapping[str, Any]) -> Any:
        """Create an object."""
        return await self.cluster.api.send("POST", resource.path, thing)

    async def replace(self, resource: Resource, thing: Mapping[str, Any]) -> Any:
        """Replace an object, whatever its version."""
        return await self.cluster.api.send("PUT", resource.object(thing["metadata"]["name"]), thing)

    async def delete(self, resource: Resource, name: str) -> None:
        """Delete an object."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1"}
        await self.cluster.api.send("DELETE", resource.object(name), options)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.kubernetes)])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Access | None, str]]:
    """Where the API is (None: the fake one), and the namespace to use."""
    if request.param == "fake":
        yield None, "default"
    else:
        plane = request.getfixturevalue("control_plane")
        yield Kubeconfig(str(plane.admin_kubeconfig)), request.getfixturevalue("namespace")


@pytest.fixture
async def contract(place: tuple[Access | None, str], nursery: trio.Nursery) -> AsyncIterator[Contract]:
    access, namespace = place
    async with _api(access) as found:
        yield Contract(Clusters(nursery.start_soon, Log(), BRISK).get(found), namespace)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _api(access: Access | None) -> AsyncIterator[Access]:
    if access is not None:
        yield access
    else:
        async with api_server() as server:
            yield server.access
