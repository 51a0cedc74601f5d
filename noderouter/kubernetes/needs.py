"""What is needed of a Kubernetes API: rights of RBAC, and ConfigMaps with dtabs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from noderouter.kubernetes.access import Access
from noderouter.schema.needs import Need

DISCOVERY_GROUP: Final = "discovery.k8s.io"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What RBAC has to allow; an empty namespace is all of them. `without` says what happens where it does not."""

    resource: str
    verb: str
    namespace: str = ""
    name: str = ""
    group: str = ""
    without: str = field(default="", compare=False)
    """Empty where nothing works without it."""

    def __str__(self) -> str:
        what = f"{self.resource}/{self.name}" if self.name else self.resource
        where = f"in {self.namespace}" if self.namespace else "in all namespaces"
        return f"{self.verb} {what} {where}"


@dataclass(frozen=True, slots=True)
class ApiRight(Need):
    """A right at one API."""

    access: Access
    right: Right


@dataclass(frozen=True, slots=True)
class StoredTable(Need):
    """A ConfigMap with a dtab under `filename`; without one, an empty dtab is in effect."""

    access: Access
    namespace: str
    name: str
    filename: str


@dataclass(frozen=True, slots=True)
class StoredPolicies(Need):
    """A ConfigMap with what says who may reach what, each under its own key."""

    access: Access
    namespace: str
    name: str


def of_services(access: Access, namespace: str) -> Iterator[ApiRight]:
    """What it takes to follow Services and their endpoints; an empty namespace is all of them."""
    yield from reading(access, "services", namespace)
    yield from reading(access, "endpointslices", namespace, DISCOVERY_GROUP)


def reading(access: Access, resource: str, namespace: str, group: str = "") -> Iterator[ApiRight]:
    """What it takes to follow a resource; one namespace after the other will do where all are not granted."""
    without = "" if namespace else "each namespace that is routed to needs it by itself, and has watches of its own"
    for verb in ("list", "watch"):
        yield ApiRight(access, Right(resource, verb, namespace, "", group, without))
