"""Which destinations are captured, and what their names are (pure).

Every TCP port of every cluster IP of every Service, of both families. Headless Services and external names have no
cluster IP, so there is nothing to capture; the API server's own (`kubernetes` in `default`) is never captured.

How a name says a port: `hello.prod` is port 80, as in a Host field; any other is written (`hello.prod:8080`). Port 80
is written as well where *another* TCP port of the Service is called `http`: the default dtab leads `hello.prod` there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from noderouter.core.destination import Destination, Speech
from noderouter.interception.control.addresses import addresses, socket_form
from noderouter.interception.control.declared_protocol import opaque_ports, speech_of
from noderouter.interception.keeper.protocol import encode_service, join_services
from noderouter.interception.keeper.state import Address, Service

API_SERVICE: Final = ("default", "kubernetes")
"""Namespace and name of the Service that is the API server."""
HTTP_PORT: Final = 80
HTTP_NAME: Final = "http"


@dataclass(frozen=True, slots=True)
class Listed:
    """One port at one cluster IP: for the keeper, and for the reverse index."""

    service: Service
    place: tuple[str, int]
    """Address and port, in the form of sockets."""
    destination: Destination
    encoded: bytes
    """As it is sent to the keeper: the line with all of them is long, and made again with each change."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What is kept of a Service."""

    key: str
    """`<namespace>/<name>`."""
    listed: tuple[Listed, ...] = ()
    never: tuple[Address, ...] = ()
    """Cluster IPs of the API server."""
    ignored: str = ""
    """The parts of its annotation that are no ports."""
    selector: frozenset[tuple[str, str]] = frozenset()
    """Where it is in our own namespace: which pods it leads to."""

    def leads_to(self, labels: frozenset[tuple[str, str]]) -> bool:
        """Whether the Service selects our own pod, which has these labels.

        Then it is not captured: a client that dials it wants this router as a proxy, and to carry that would be a loop.
        """
        return bool(self.selector) and self.selector <= labels


def project_service(thing: Mapping[str, Any], configured: Collection[int], own_namespace: str = "") -> ServiceFacts:
    """Return what is kept of a Service as the API sends it; `configured` is `intercept.opaquePorts`."""
    metadata, spec = thing.get("metadata") or {}, thing.get("spec") or {}
    namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    # `clusterIP` is the first of `clusterIPs`, and the word `None` where there is none.
    external = spec.get("type") == "ExternalName"
    found = tuple(addresses([] if external else spec.get("clusterIPs") or [spec.get("clusterIP")]))
    if (namespace, name) == API_SERVICE:
        return ServiceFacts(f"{namespace}/{name}", never=found)
    annotated, ignored = opaque_ports(metadata.get("annotations"))
    listed = []
    for port, destination in _destinations(f"{name}.{namespace}", spec, annotated, configured):
        for address in found:
            service = Service(address, port, destination.speech is Speech.HTTP)
            listed.append(Listed(service, (socket_form(address), port), destination, encode_service(service)))
    selector = frozenset((spec.get("selector") or {}).items()) if namespace == own_namespace else frozenset()
    return ServiceFacts(f"{namespace}/{name}", tuple(listed), ignored=ignored, selector=selector)


def encode_listed(generation: int, items: Iterable[Listed], never: frozenset[Address]) -> bytes:
    """Return the line."""
    return join_services(generation, (each.encoded for each in items), never)


def _destinations(
    name: str, spec: Mapping[str, Any], annotated: Collection[int], configured: Collection[int]
) -> Iterator[tuple[int, Destination]]:
    ports = {port["port"]: port for port in spec.get("ports") or () if _is_tcp(port)}
    http_elsewhere = any(port.get("name") == HTTP_NAME and number != HTTP_PORT for number, port in ports.items())
    for number, port in ports.items():
        plain = number == HTTP_PORT and not http_elsewhere
        full = name if plain else f"{name}:{number}"
        yield number, Destination(full.encode(), speech_of(port, annotated, configured))


def _is_tcp(port: Mapping[str, Any]) -> bool:
    number = port.get("port")
    return port.get("protocol", "TCP") == "TCP" and type(number) is int and 1 <= number <= 65535
