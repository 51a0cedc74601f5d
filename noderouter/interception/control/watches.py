"""What interception follows in the API: pods of this node, namespaces, Services, and where the API server is.

Each is a watch of a whole collection (`noderouter/kubernetes/reflector.py`); of an object no more is kept than its
projection. What was known once stays in effect through any outage of the API.

A second watch of Services beside that of the names (`service_index.py`) is what this costs the API: a connection.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Generic, TypeVar

from noderouter.interception.control.addresses import project_slice
from noderouter.interception.control.pods import Ourselves, project_pod
from noderouter.interception.control.selection import SelectionValue, selection_value
from noderouter.interception.control.services import API_SERVICE, project_service
from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.paths import Resource, endpoint_slices, namespaces, pods, services
from noderouter.kubernetes.reflector import Reflector, Subject
from noderouter.kubernetes.replica import Replica

ALL: Final = "*"
"""The one part of these watches."""

T = TypeVar("T")
Object = Mapping[str, Any]


class Collection(Generic[T]):
    """All objects of one collection that a query selects."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        path: str,
        query: dict[str, str],
        project: Callable[[Object], T],
    ) -> None:
        """`name` is for logs and the admin interface. `run` opens the watch."""
        self.synced = False
        """Whether it was listed once."""
        self.changed: Callable[[], None] = lambda: None
        self.name = name

        def projected(thing: Object) -> tuple[str, T]:
            return ALL, project(thing)

        self._replica: Replica[T] = Replica(projected, self._on_change)
        subject = Subject(
            name=f"intercept/{name}",
            path=path,
            query=lambda _parts: query,
            wanted=lambda: (ALL,),
        )
        self._reflector: Reflector[T] = cluster.reflector(subject, self._replica)

    def __len__(self) -> int:
        return len(self._replica)

    def __iter__(self) -> Iterator[T]:
        return self._replica.of(ALL)

    async def run(self) -> None:
        """Run the watch until cancelled."""
        await self._reflector.run()

    def missing(self) -> str:
        """Return why the collection is not known yet; empty once it is."""
        if self.synced:
            return ""
        trouble = self._reflector.trouble
        return f"{self.name} are not listed yet" + (f": {trouble}" if trouble else "")

    def _on_change(self, _part: str, _key: str | None) -> None:
        self.synced = True
        self.changed()


class Watches:
    """All four collections. The owner runs them."""

    def __init__(self, cluster: Cluster, node: str, ourselves: Ourselves, opaque_ports: frozenset[int]) -> None:
        """`opaque_ports` are those of the configuration."""

        def collection(name: str, of: Resource, project: Callable[[Object], T], **query: str) -> Collection[T]:
            return Collection(cluster, name, of.path, query, project)

        api = {"labelSelector": f"kubernetes.io/service-name={API_SERVICE[1]}"}
        self.pods = collection(
            f"pods of {node}",
            pods(),
            partial(project_pod, ourselves=ourselves),
            fieldSelector=f"spec.nodeName={node}",
        )
        self.namespaces = collection("namespaces", namespaces(), _namespace)
        project = partial(project_service, configured=opaque_ports, own_namespace=ourselves.namespace)
        self.services = collection("services", services(), project)
        self.api_servers = collection(
            "endpoints of the API server", endpoint_slices(API_SERVICE[0]), project_slice, **api
        )

    def __iter__(self) -> Iterator[Collection[Any]]:
        return iter((self.pods, self.namespaces, self.services, self.api_servers))

    def missing(self) -> Iterator[str]:
        """Yield what is not known yet, in words."""
        return (words for each in self if (words := each.missing()))


def _namespace(thing: Object) -> tuple[str, SelectionValue]:
    metadata = thing["metadata"]
    return str(metadata["name"]), selection_value(metadata.get("labels"))
