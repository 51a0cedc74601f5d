"""Names requests of captured connections by what was dialled, whatever their Host says: `hostMismatch`.

Server side, innermost: what it changes is `Exchange.authority`, by which identifiers name. The Host field itself is
sent on as it came.

What was dialled is a fact that the kernel tells; Host is what the client says. Where Host names the dialled service in
any of its spellings both are one, and the request gets the service's one name (`hello.prod`, see `core.destination`):
a dtab needs one rule for it. Where Host says something else:

    destination     named by what was dialled. A Host that lies reaches no other service than the one that was dialled:
                    a rule about who may dial what (a NetworkPolicy, say) holds behind the router, too.
    host            named by Host, as on any other server: whoever may dial one service reaches all that the dtab has.
    refuse          421 (RFC 9110 section 15.5.20)

No Host, or an empty one, says nothing else. For a connection that was not captured this filter does nothing.

Spellings of a service: `svc`, `svc.ns`, `svc.ns.svc`, `svc.ns.svc.<cluster domain>`, with or without a dot behind, in
any case, and the address that was dialled (IPv6 in brackets). The port must be the one that was dialled; without one it
is 80.
"""

import socket
from collections.abc import Awaitable
from typing import Final

from noderouter.core.errors import RouterError
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service

MAX_PLACES: Final = 1024
"""Dialled addresses whose hosts are remembered."""
MAX_HOSTS: Final = 32
"""Hosts remembered for each: clients may make them up, and then make only their own destination slow."""
MAX_HOST_BYTES: Final = 256

DEFAULT_PORT: Final = 80


class Misdirected(RouterError):
    """Host names something else than what was dialled, and that is to be refused."""

    status = 421

    def __init__(self, host: bytes, destination: bytes) -> None:
        said, dialled = (text.decode("latin-1") for text in (host[:MAX_HOST_BYTES], destination))
        super().__init__(f"Host is {said}, but {dialled} was dialled (hostMismatch: refuse)")


class _Place:
    """One dialled address: the service behind it when it was last asked for, and which hosts mean that service."""

    __slots__ = ("destination", "hosts")

    def __init__(self, destination: bytes) -> None:
        self.destination = destination
        self.hosts: dict[bytes, bool] = {}


class HostMismatch:
    """Makes Host and what was dialled one. Remembers what it judged: a request like the last costs two look-ups."""

    __slots__ = ("_domain", "_mismatch", "_places", "_service")

    def __init__(self, service: Service, mismatch: str = "destination", cluster_domain: str = "") -> None:
        """`mismatch` is `destination`, `host` or `refuse`; `cluster_domain` is empty where it is not known."""
        self._service = service
        self._mismatch = mismatch
        self._domain = cluster_domain.strip(".").lower().encode()
        self._places: dict[tuple[str, int], _Place] = {}

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Settle the authority, then go on.

        Raises:
            Misdirected: Host names something else, and `mismatch` is `refuse`.
        """
        destination = exchange.destination
        if destination is not None:
            host = exchange.authority
            if self._mismatch == "destination" or not host or self._means(exchange.local_address, destination, host):
                exchange.authority = destination
            elif self._mismatch == "refuse":
                raise Misdirected(host, destination)
        return self._service(exchange)

    def _means(self, dialled: tuple[str, int], destination: bytes, host: bytes) -> bool:
        """Whether `host` is what was dialled; as it was judged before, or judged now."""
        place = self._places.get(dialled)
        if place is None or place.destination != destination:
            if len(self._places) >= MAX_PLACES:
                self._places.clear()  # those in use are back at once
            place = self._places[dialled] = _Place(destination)
        known = place.hosts.get(host)
        if known is None:
            known = names(host, dialled, destination, self._domain)
            if len(host) <= MAX_HOST_BYTES:
                if len(place.hosts) >= MAX_HOSTS:
                    place.hosts.clear()
                place.hosts[host] = known
        return known


def names(host: bytes, dialled: tuple[str, int], destination: bytes, domain: bytes) -> bool:
    """Whether the authority `host` is a spelling of what was `dialled`, where the service `destination` is."""
    name, port = _split(host)
    if port != dialled[1]:
        return False
    if name.startswith(b"["):
        return _packed(name[1:-1].decode("latin-1")) == _packed(dialled[0])
    name = name.lower()
    if name == dialled[0].encode():
        return True
    labels = _split(destination)[0].lower().split(b".")
    if len(labels) != 2:  # an address that no service is known for
        return False
    service = b".".join(labels)
    spellings = (labels[0], service, service + b".svc", *([service + b".svc." + domain] if domain else ()))
    return name.removesuffix(b".") in spellings


def _split(authority: bytes) -> tuple[bytes, int]:
    """Host and port of `host[:port]`."""
    host, colon, port = authority.rpartition(b":")
    if not colon or b"]" in port:
        return authority, DEFAULT_PORT
    return host, int(port) if port else DEFAULT_PORT


def _packed(address: str) -> bytes:
    """The bytes of an IPv6 address; of anything else, none that could be equal."""
    try:
        return socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        return address.encode()
