"""A router: names each exchange, and hands it to the service of that name.

Keeps the two caches (names and clients), both bounded, both idle out; `sweep` has to be called about once a second.
What a router is made of comes in a `RouterParts`, put together by the composition root.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from dtab import Bound, Dtab, Path
from noderouter.client.client import Client
from noderouter.core.errors import IdentificationError
from noderouter.core.exchange import Exchange
from noderouter.core.service import Filter
from noderouter.identifier.kind import Identifier, Unidentified
from noderouter.naming.binding import Binding
from noderouter.namer.http_status import Status
from noderouter.router.clients import Clients
from noderouter.router.named import NamedService
from noderouter.router.picker import Branch, Picker
from noderouter.router.route import FixedAnswer, Route
from noderouter.telemetry.metrics import RequestStats

K = TypeVar("K")


@dataclass(slots=True, frozen=True)
class RouterParts:
    """What the composition root gives a router."""

    label: str
    identifier: Identifier
    bind: Callable[[Path, Dtab | None], Binding]
    filters: Callable[[Path], list[Filter]]
    """The service filters of a logical name, outermost first."""
    make_client: Callable[[Bound], Client]
    attempt_seconds: Callable[[Path], float | None]
    """`requestAttemptTimeoutMs` of a client id."""
    route_stats: Callable[[Path, Path], RequestStats]
    """The stats of (client id, logical name)."""
    on_name_closed: Callable[[Path], None]
    on_client_closed: Callable[[Client], None]
    rng: Random
    binding_seconds: float = 10.0
    max_names: int = 1000
    idle_seconds: float = 600.0


class Router:
    """The innermost service of every server of one router."""

    def __init__(self, parts: RouterParts) -> None:
        self.label = parts.label
        self.clients = Clients(parts.make_client, parts.on_client_closed)
        self.evictions = 0
        self._parts = parts
        self._identify = parts.identifier.identify
        self._names: dict[Path, NamedService] = {}
        self._overridden: dict[tuple[Path, Dtab], NamedService] = {}

    def __repr__(self) -> str:
        return f"<Router {self.label} names={len(self._names)} clients={len(self.clients)}>"

    def __call__(self, exchange: Exchange) -> Awaitable[None]:
        """Identify and hand over.

        Raises:
            IdentificationError: no identifier has a name for the exchange.
        """
        name = self._identify(exchange)
        if isinstance(name, Unidentified):
            raise IdentificationError(
                f"Unknown destination: Request(\"{exchange.method.decode('latin-1')} "
                f"{exchange.target.decode('latin-1')}\") / {name.reason}"
            )
        exchange.name = name
        context = exchange.context
        if context is None or context.dtab is None:
            named = self._names.get(name)
            if named is None:
                named = self._names[name] = self._open(name, None, self._names)
        else:
            key = (name, context.dtab)
            named = self._overridden.get(key)
            if named is None:
                named = self._overridden[key] = self._open(name, context.dtab, self._overridden)
        named.used_at = exchange.started
        return named.service(exchange)

    def _open(self, name: Path, local: Dtab | None, cache: dict[K, NamedService]) -> NamedService:
        """The service of a name that was not used lately; makes room for it."""
        parts = self._parts
        if len(cache) >= parts.max_names:
            self._evict(cache, min(cache, key=lambda key: cache[key].used_at))
        return NamedService(
            name, parts.bind(name, local), parts.filters(name), self._route, self._picker, parts.binding_seconds
        )

    def _picker(self, branches: list[tuple[float, Branch]]) -> Picker:
        return Picker(branches, self._parts.rng)

    def _route(self, name: Path, bound: Bound) -> Branch:
        """A new route of `name` to `bound`."""
        if isinstance(bound.addr, Status):
            return FixedAnswer(bound.id, bound.addr.code)
        parts = self._parts
        stats = parts.route_stats(bound.id, name)
        return Route(name, bound, self.clients, stats, parts.attempt_seconds(bound.id))

    def _evict(self, cache: dict[K, NamedService], key: K) -> None:
        named = cache.pop(key)
        named.close()
        self.evictions += 1
        self._parts.on_name_closed(named.name)

    def sweep(self, now: float) -> None:
        """Let idle names and clients go, and clients follow their address sets."""
        oldest = now - self._parts.idle_seconds
        for cache in (self._names, self._overridden):
            for key in [key for key, named in cache.items() if named.used_at < oldest]:
                self._evict(cache, key)  # type: ignore[arg-type]
        self.clients.sweep(now)

    def close(self) -> None:
        """Release everything; no exchange may be in flight."""
        for cache in (self._names, self._overridden):
            for named in cache.values():
                named.close()
            cache.clear()
        self.clients.close()
