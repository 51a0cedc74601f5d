"""Where collections are in the API."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """A collection: of one namespace, or of all where `namespace` is empty."""

    group: str
    """With its version: `v1` for the core, or such as `discovery.k8s.io/v1`."""
    plural: str
    namespace: str = ""

    @property
    def path(self) -> str:
        """The path of the collection."""
        root = f"/api/{self.group}" if "/" not in self.group else f"/apis/{self.group}"
        below = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{below}/{self.plural}"

    def object(self, name: str) -> str:
        """Return the path of one of its objects."""
        return f"{self.path}/{quote(name, safe='')}"


CORE: Final = "v1"
DISCOVERY: Final = "discovery.k8s.io/v1"


def configmaps(namespace: str) -> Resource:
    """Return the ConfigMaps of a namespace."""
    return Resource(CORE, "configmaps", namespace)


def services(namespace: str = "") -> Resource:
    """Return the Services of a namespace, or all."""
    return Resource(CORE, "services", namespace)


def endpoints(namespace: str = "") -> Resource:
    """Return the Endpoints, which EndpointSlices have replaced."""
    return Resource(CORE, "endpoints", namespace)


def endpoint_slices(namespace: str = "") -> Resource:
    """Return the EndpointSlices of a namespace, or all."""
    return Resource(DISCOVERY, "endpointslices", namespace)


def pods(namespace: str = "") -> Resource:
    """Return the pods of a namespace, or all."""
    return Resource(CORE, "pods", namespace)


def namespaces() -> Resource:
    """Return the namespaces."""
    return Resource(CORE, "namespaces")
