"""A router: names each exchange, and hands it to the service of that name.

Keeps the services of names (a binding cache) and the clients they lead to; `sweep` has to be called about once a
second. What a router is made of comes from the composition root, as `RouterParts`.
"""

from collections.abc import Awaitable, Iterator
from functools import partial
from time import monotonic
from typing import Final, Protocol

from dtab import Bound
from noderouter.client.client import Client
from noderouter.core.errors import IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.identifier.kind import Identifier, Unidentified
from noderouter.naming.binding_cache import BindingCache
from noderouter.router.clients import Clients
from noderouter.router.named import NamedService, NameParts

SHOWN_BYTES: Final = 200
"""How much of a target is repeated in an error."""


class RouterParts(NameParts, Protocol):
    """What the composition root gives a router."""

    label: str
    identifier: Identifier
    max_names: int
    idle_seconds: float

    def make_client(self, bound: Bound) -> Client:
        """A new client of a bound name."""
        ...

    def client_closed(self, client: Client) -> None:
        """A client has gone."""
        ...


class Router:
    """The innermost service of every server of one router."""

    __slots__ = ("_get", "_identify", "clients", "label", "names")

    def __init__(self, parts: RouterParts, clients: Clients) -> None:
        """`clients` is what `parts.route` acquires its clients from."""
        self.label = parts.label
        self.clients = clients
        make = partial(NamedService, parts=parts)
        self.names: BindingCache[NamedService] = BindingCache(make, parts.max_names, parts.idle_seconds)
        self.names.sweep(monotonic())  # tells it the time; names would look long idle at the first real sweep
        self._get = self.names.get
        self._identify = parts.identifier.identify

    def __repr__(self) -> str:
        return f"<Router {self.label} names={len(self.names)} clients={len(self.clients)}>"

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Identify and hand over.

        Raises:
            IdentificationError: no identifier has a name for the exchange.
        """
        name = self._identify(exchange)
        if isinstance(name, Unidentified):
            raise _unknown_destination(exchange, name)
        exchange.name = name
        context = exchange.context
        return self._get(name, None if context is None else context.local).serve(exchange)

    def serve_named(self, exchange: Exchange) -> Awaitable[None]:
        """Hand over an exchange that has its name already."""
        name = exchange.name
        assert name is not None
        context = exchange.context
        return self._get(name, None if context is None else context.local).serve(exchange)

    def sweep(self, now: float) -> Iterator[None]:
        """Let idle names go; the steps in which clients go, or follow their address sets."""
        self.names.sweep(now)
        return self.clients.sweep(now)

    def close(self) -> None:
        """Release everything; no exchange may be in flight."""
        self.names.clear()
        self.clients.close()


def _unknown_destination(exchange: Exchange, unidentified: Unidentified) -> IdentificationError:
    """The error for an exchange without a name, in Linkerd's words."""
    method, target = exchange.method.decode("latin-1"), exchange.target[:SHOWN_BYTES].decode("latin-1")
    ip, port = exchange.peer_address
    return IdentificationError(
        f'Unknown destination: Request("{method} {target}", from {ip}:{port}) / {unidentified.reason}'
    )
