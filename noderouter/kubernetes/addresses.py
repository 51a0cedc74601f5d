"""From slices to the addresses of one port of a Service (pure).

ready hosts; where there is none, those that terminate and still serve, as kube-proxy does it
one address for each pod: that of the family which its Service puts first, if the pod has one
the same host in two slices, which happens while it moves between them: once
"""

from collections.abc import Callable, Iterable, Iterator

from noderouter.core.addr import ENDPOINT, Address
from noderouter.kubernetes.endpoint_slice import Host, Slice

PortOf = Callable[[Slice], int | None]
"""The number of the wanted port in a slice; None where the slice has no such port."""


def named(name: str) -> PortOf:
    """Return a function to the port of that name in a slice; a single unnamed port has any name."""

    def port_of(each: Slice) -> int | None:
        for known, number in each.ports:
            if known == name:
                return number
        if len(each.ports) == 1 and not each.ports[0][0]:
            return each.ports[0][1]
        return None

    return port_of


def numbered(name: str, number: int) -> PortOf:
    """Return a function to the port of that name, or else `number`: for a port of a Service with a number as target."""

    def port_of(each: Slice) -> int | None:
        return next((found for known, found in each.ports if known == name), number)

    return port_of


def addresses(
    slices: Iterable[Slice], port_of: PortOf, *, host: str = "", ipv6_first: bool = False
) -> frozenset[Address]:
    """Return the usable addresses; only those of the host named `host`, if that is given."""
    found = list(_hosts(slices, port_of, host))
    usable = [each for each in found if each[0].ready] or [each for each in found if each[0].draining]
    usable.sort(key=lambda each: (":" in each[0].ip) != ipv6_first)
    chosen: dict[tuple[str, int], Address] = {}
    families: dict[tuple[str, int], bool] = {}
    for one, port in usable:
        ipv6 = ":" in one.ip
        pod = (one.uid or one.ip, port)
        if families.setdefault(pod, ipv6) == ipv6:
            chosen.setdefault((one.ip, port), address(one, port))
    return frozenset(chosen.values())


def _hosts(slices: Iterable[Slice], port_of: PortOf, host: str) -> Iterator[tuple[Host, int]]:
    for each in slices:
        port = port_of(each)
        if port is not None:
            for one in each.hosts:
                if not host or one.name == host:
                    yield one, port


def address(host: Host, port: int) -> Address:
    """Return the address of a host. What is compared of it does not change while its pod lives."""
    meta = (("nodeName", host.node), ("pod", host.pod), ("uid", host.uid), ("zone", host.zone))
    kept = tuple(pair for pair in meta if pair[1])
    return Address(host.ip, port, meta=kept, hints=host.hints, origin=ENDPOINT)


def reused(fresh: frozenset[Address], old: frozenset[Address]) -> frozenset[Address]:
    """Return `fresh` with equal objects taken from `old`: clients keep those."""
    known = {(each.ip, each.port): each for each in old}
    return frozenset(
        same if (same := known.get((each.ip, each.port))) == each and same.hints == each.hints else each
        for each in fresh
    )


def has_host(slices: Iterable[Slice], port_of: PortOf, host: str = "") -> bool:
    """Whether any slice has the port and, where `host` is given, a host of that name, ready or not."""
    for each in slices:
        if port_of(each) is not None and (not host or any(one.name == host for one in each.hosts)):
            return True
    return False
