"""What is kept of a Service: little, since all Services of the cluster are known (see `services.py`).

Projections take what they understand of an object, whatever else it holds: the API has validated it, and one odd object
must not end the watch of all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service. `target` is a number, or the name of a port of the pods."""

    name: str
    port: int
    target: int | str


@dataclass(frozen=True, slots=True)
class Service:
    """A Service."""

    ports: tuple[ServicePort, ...] = ()
    """Those for TCP."""
    external_name: str = ""
    """Of type ExternalName: the name in DNS."""
    ingress: tuple[str, ...] = ()
    """Where its load balancer is: IP addresses and host names."""
    ipv6_first: bool = False

    def at(self, port: str) -> ServicePort | None:
        """Return the port with this name or number; a single unnamed one has any name."""
        number = int(port) if port.isdecimal() and len(port) < 6 else 0
        for each in self.ports:
            if each.port == number or each.name == port:
                return each
        if not number and len(self.ports) == 1 and not self.ports[0].name:
            return self.ports[0]
        return None


def project_service(thing: Mapping[str, Any]) -> Service:
    """Return what is kept of a Service as the API sends it."""
    spec = thing.get("spec") or {}
    families = spec.get("ipFamilies") or []
    return Service(
        ports=tuple(_ports(spec)),
        external_name=str(spec.get("externalName") or "") if spec.get("type") == "ExternalName" else "",
        ingress=tuple(_ingress(thing)),
        ipv6_first=bool(families) and families[0] == "IPv6",
    )


def _ports(spec: Mapping[str, Any]) -> Iterator[ServicePort]:
    for port in spec.get("ports") or ():
        number = port.get("port")
        if port.get("protocol", "TCP") == "TCP" and isinstance(number, int):
            target = port.get("targetPort") or number
            if isinstance(target, str) and target.isdecimal():
                target = int(target)
            yield ServicePort(intern(port.get("name") or ""), number, target)


def _ingress(thing: Mapping[str, Any]) -> Iterator[str]:
    balancer = (thing.get("status") or {}).get("loadBalancer") or {}
    for each in balancer.get("ingress") or ():
        place = each.get("ip") or each.get("hostname")
        if place:
            yield str(place)
