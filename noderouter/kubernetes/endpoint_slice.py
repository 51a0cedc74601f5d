"""What is kept of an EndpointSlice, and of Endpoints, which are turned into the same thing.

A slice has one list of ports that holds for all its hosts; a Service has any number of slices: of each address family,
of a hundred hosts each, of hosts with other ports.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, Final

SERVICE_LABEL: Final = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one pod, or of anything else that an endpoint names."""

    ip: str
    ready: bool = True
    draining: bool = False
    """It terminates, and still serves."""
    name: str = ""
    """Its host name within the Service, such as `web-0`; empty for most."""
    node: str = ""
    zone: str = ""
    pod: str = ""
    """The name of its pod."""
    uid: str = ""
    """Distinguishes its pod from another one that has the address later."""
    hints: tuple[str, ...] = ()
    """The zones that should use it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some hosts of a Service, and their ports."""

    ports: tuple[tuple[str, int], ...] = ()
    """Name and number of those for TCP."""
    hosts: tuple[Host, ...] = ()
    ipv6: bool = False
    labels: frozenset[tuple[str, str]] = frozenset()
    """Those of the Service; slices carry them too."""

    def label(self, key: str) -> str:
        """Return the value of a label; empty where there is none."""
        return next((value for known, value in self.labels if known == key), "")


def reusing(fresh: Slice, old: Slice) -> Slice:
    """Return `fresh`, with equal parts taken from `old`.

    One pod of many has changed, mostly. What stays the same object grows old, and is neither kept twice (the addresses
    that clients have come from it) nor looked at by the collector with all that is new.
    """
    known = {host.ip: host for host in old.hosts}
    return Slice(
        ports=old.ports if old.ports == fresh.ports else fresh.ports,
        hosts=tuple(same if (same := known.get(host.ip)) == host else host for host in fresh.hosts),
        ipv6=fresh.ipv6,
        labels=old.labels if old.labels == fresh.labels else fresh.labels,
    )


def service_of(thing: Mapping[str, Any]) -> str | None:
    """Return the Service that an EndpointSlice belongs to."""
    name = (thing["metadata"].get("labels") or {}).get(SERVICE_LABEL)
    return name if isinstance(name, str) else None


def project_slice(thing: Mapping[str, Any]) -> Slice:
    """Return what is kept of an EndpointSlice as the API sends it.

    Addresses that are names (FQDN) are left out: the API has deprecated them, and `ExternalName` says the same.
    """
    family = thing.get("addressType")
    endpoints = () if family == "FQDN" else thing.get("endpoints") or ()
    return Slice(
        ports=tuple(_ports(thing.get("ports"))),
        hosts=tuple(host for host in map(_host, endpoints) if host is not None),
        ipv6=family == "IPv6",
        labels=_labels(thing),
    )


def project_endpoints(thing: Mapping[str, Any]) -> tuple[Slice, ...]:
    """Return what is kept of Endpoints: a slice for each subset and address family."""
    labels = _labels(thing)
    found = []
    for subset in thing.get("subsets") or ():
        ports = tuple(_ports(subset.get("ports")))
        hosts = [_legacy(each, ready=True) for each in subset.get("addresses") or ()]
        hosts += [_legacy(each, ready=False) for each in subset.get("notReadyAddresses") or ()]
        for ipv6 in (False, True):
            of_family = tuple(host for host in hosts if (":" in host.ip) == ipv6)
            if of_family or (not hosts and not ipv6):
                found.append(Slice(ports, of_family, ipv6, labels))
    return tuple(found)


def _labels(thing: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    labels = thing["metadata"].get("labels") or {}
    return frozenset((intern(key), intern(value)) for key, value in labels.items())


def _ports(ports: Any) -> Iterator[tuple[str, int]]:
    for port in ports or ():
        number = port.get("port")
        # A port without a protocol is TCP; one without a number stands for all ports, which says nothing to us.
        if (port.get("protocol") or "TCP") == "TCP" and isinstance(number, int):
            yield intern(port.get("name") or ""), number


def _host(endpoint: Mapping[str, Any]) -> Host | None:
    addresses = endpoint.get("addresses")
    if not addresses:
        return None
    conditions = endpoint.get("conditions") or {}
    target = endpoint.get("targetRef") or {}
    hints = (endpoint.get("hints") or {}).get("forZones") or ()
    ready = conditions.get("ready") is not False  # unknown is to be taken for ready
    return Host(
        # Of several addresses the meaning was never defined; the API says to use the first.
        ip=str(addresses[0]),
        ready=ready,
        draining=not ready and conditions.get("serving") is True and conditions.get("terminating") is True,
        name=endpoint.get("hostname") or "",
        node=intern(endpoint.get("nodeName") or ""),
        zone=intern(endpoint.get("zone") or ""),
        pod=target.get("name") or "",
        uid=target.get("uid") or "",
        hints=tuple(intern(str(hint.get("name"))) for hint in hints),
    )


def _legacy(address: Mapping[str, Any], *, ready: bool) -> Host:
    target = address.get("targetRef") or {}
    return Host(
        ip=str(address.get("ip")),
        ready=ready,
        name=address.get("hostname") or "",
        node=intern(address.get("nodeName") or ""),
        pod=target.get("name") or "",
        uid=target.get("uid") or "",
    )
