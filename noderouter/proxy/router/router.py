"""A router: names each exchange, and hands it to the service of that name.

Keeps the services of names (a binding cache) and the clients they lead to; `sweep` has to be called about twice a
second. What a router is made of comes from the composition root (`assembly/router.py`).

Names under a dtab of the request have a cache of their own, small and forgetful: anybody may make them up, and each is
a binding that may be large.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from dtab import Dtab, Path
from noderouter.core.errors import IdentificationError, OverloadError
from noderouter.core.exchange import Exchange
from noderouter.naming.binding_cache import BindingCache
from noderouter.proxy.identifier.kind import MAX_NAME_BYTES, Identifier, Unidentified
from noderouter.proxy.router.clients import Clients
from noderouter.proxy.router.named import NamedService, NameSettings

SHOWN_BYTES: Final = 200
"""How much of a target is repeated in an error."""
SHED_OF: Final = 4
"""What is shed is so many of this many requests."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """How many names a router remembers, and how long it keeps one without requests; times in seconds."""

    names: int = 1000
    idle_seconds: float = 600.0
    overrides: int = 64
    """Names under a dtab of the request."""
    override_idle_seconds: float = 10.0


class Router:
    """The innermost service of every server of one router."""

    __slots__ = (
        "_get",
        "_get_override",
        "_identify",
        "_identify_all",
        "_shed",
        "_shed_turn",
        "_shed_why",
        "clients",
        "label",
        "names",
        "overrides",
        "sheds",
    )

    def __init__(
        self,
        label: str,
        identifier: Identifier,
        names: NameSettings,
        clients: Clients,
        cache: CacheSettings,
        admit_binding: Callable[[], None],
    ) -> None:
        """`clients` is what `names.route` acquires its clients from.

        `admit_binding` is asked before a name is bound that is not cached; it raises OverloadError where the client
        binds too many.
        """
        self.label = label
        self.clients = clients
        make = partial(_named, names, admit_binding)
        self.names: BindingCache[NamedService] = BindingCache(make, cache.names, cache.idle_seconds)
        self.overrides: BindingCache[NamedService] = BindingCache(make, cache.overrides, cache.override_idle_seconds)
        clients.press = self.overrides.evict
        now = monotonic()  # names would look long idle at the first real sweep
        self.names.sweep(now)
        self.overrides.sweep(now)
        self._get = self.names.get
        self._get_override = self.overrides.get
        self._identify = self._identify_all = identifier.identify
        self._shed = 0
        self._shed_turn = 0
        self._shed_why = ""
        self.sheds = 0
        """Requests that were refused because the router is overloaded."""

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
        if context is None or context.local is None:
            return self._get(name).serve(exchange)
        return self._get_override(name, context.local).serve(exchange)

    def serve_named(self, exchange: Exchange) -> Awaitable[None]:
        """Hand over an exchange that has its name already."""
        if self._shed:
            self._refuse_some()
        name = exchange.name
        assert name is not None
        context = exchange.context
        if context is None or context.local is None:
            return self._get(name).serve(exchange)
        return self._get_override(name, context.local).serve(exchange)

    def shed(self, share: int, why: str = "") -> None:
        """Refuse so many of every `SHED_OF` exchanges from now on, for this reason; 0 ends it."""
        self._shed = share
        self._shed_why = why
        # Put in the place of the identifier, so that it costs nothing while nothing is shed.
        self._identify = self._identify_some if share else self._identify_all

    def _identify_some(self, exchange: Exchange) -> Path | Unidentified:
        self._refuse_some()
        return self._identify_all(exchange)

    def _refuse_some(self) -> None:
        """Refuse an exchange, if it is its turn.

        Raises:
            OverloadError: it is; nothing of it was processed.
        """
        self._shed_turn = (self._shed_turn + 1) % SHED_OF
        if self._shed_turn < self._shed:
            self.sheds += 1
            raise OverloadError(f"the router is overloaded and refuses new requests: {self._shed_why}")

    def let_go(self, most: int) -> int:
        """Memory is short: let up to `most` names go that were not used since the last `sweep`; how many."""
        return self.overrides.let_go(most) + self.names.let_go(most)

    def sweep(self, now: float) -> Iterator[None]:
        """Let idle names go; the steps in which clients go, or follow their address sets."""
        self.names.sweep(now)
        self.overrides.sweep(now)
        return self.clients.sweep(now)

    def close(self) -> None:
        """Release everything; no exchange may be in flight."""
        self.names.clear()
        self.overrides.clear()
        self.clients.close()


def _named(settings: NameSettings, admit_binding: Callable[[], None], name: Path, local: Dtab | None) -> NamedService:
    """The service of a name that is not known yet.

    Raises:
        IdentificationError: the name is too long to be kept.
        OverloadError: the client binds too many names.
    """
    size = sum(map(len, name.labels))
    if size > MAX_NAME_BYTES:
        raise IdentificationError(f"the name of the request has {size} bytes, and may have {MAX_NAME_BYTES}")
    admit_binding()
    return NamedService(name, local, settings)


def _unknown_destination(exchange: Exchange, unidentified: Unidentified) -> IdentificationError:
    """The error for an exchange without a name, in Linkerd's words."""
    method, target = exchange.method.decode("latin-1"), exchange.target[:SHOWN_BYTES].decode("latin-1")
    ip, port = exchange.peer_address
    return IdentificationError(
        f'Unknown destination: Request("{method} {target}", from {ip}:{port}) / {unidentified.reason}'
    )
