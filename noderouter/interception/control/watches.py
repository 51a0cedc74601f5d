"""What interception follows in the API: pods of this node, namespaces, Services, and where the API server is.

Each is a watch of a whole collection (`noderouter/kubernetes/reflector.py`); of an object no more is kept than its
projection. What was known once stays in effect through any outage of the API.

A second watch of Services beside that of the names (`service_index.py`) is what this costs the API: a connection.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from noderouter.interception.control.addresses import project_slice
from noderouter.interception.control.pods import Ourselves, project_pod
from noderouter.interception.control.selection import SelectionValue, selection_value
from noderouter.interception.control.services import API_SERVICE, project_service
from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.collection import Collection
from noderouter.kubernetes.paths import Resource, endpoint_slices, namespaces, pods, services

T = TypeVar("T")
Object = Mapping[str, Any]


class Watches:
    """All four collections. The owner runs them."""

    def __init__(self, cluster: Cluster, node: str, ourselves: Ourselves, opaque_ports: frozenset[int]) -> None:
        """`opaque_ports` are those of the configuration."""

        def collection(name: str, of: Resource, project: Callable[[Object], T], **query: str) -> Collection[T]:
            return Collection(cluster, f"intercept/{name}", name, of.path, query, project)

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
