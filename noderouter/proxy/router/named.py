"""The service of one logical name: its stack (stats, timeouts, retries), and the choice of a route.

A named service has the binding of its name, so the binding cache keeps, replaces and ends both together. The binding
is compared by one int per request (`EPOCH`); only when a name, an address set or a dtab has changed anywhere is it
looked at again, and only when its own result is another are routes made anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from dtab import Bound, Dtab, Failed, Ok, Path
from noderouter.core.epoch import EPOCH
from noderouter.core.exchange import Exchange
from noderouter.core.service import Layer, Service, stack
from noderouter.naming.binding import Bind, Binding
from noderouter.proxy.http.error_text import binding_timeout
from noderouter.proxy.router.branches import Branch, Picker, shares
from noderouter.proxy.router.route import LateRoute, MakeRoute, NoRoute, Route
from noderouter.reactor.task import Timeout


@dataclass(frozen=True, slots=True)
class NameSettings:
    """What the services of a router's names are made with; nothing here is asked for every request."""

    bind: Bind
    filters: Callable[[Path, Dtab | None], Sequence[Layer]]
    """Makes the stack of a name under a dtab of the request, outermost first."""
    route: MakeRoute
    picker: Callable[[list[tuple[float, Branch]]], Picker]
    """Makes what draws among branches."""
    closed: Callable[[Path], None]
    """Called when a service of a name has ended."""
    binding_seconds: float = 10.0


class NamedService:
    """Carries the exchanges of one logical name, under one local dtab; what the binding cache keeps.

    Attributes:
        filters: what its stack was built from, outermost first, to be shown.
    """

    __slots__ = (
        "_binding",
        "_branch",
        "_holders",
        "_known",
        "_routes",
        "_seen",
        "_seen_epoch",
        "_service",
        "_settings",
        "filters",
        "local",
        "path",
        "used",
    )

    def __init__(self, path: Path, local: Dtab | None, settings: NameSettings) -> None:
        """Works while it is held; see `serve` for one that is not."""
        self.path = path
        self.local = local
        self.used = 0.0
        self._binding = Binding(path, local, settings.bind)
        self._holders = 0
        self._settings = settings
        self._known = True  # `NameSettings.closed` was not called yet
        self._seen: object = None
        self._seen_epoch = -1
        self._branch: Service = self._settle
        self._routes: dict[tuple[Path, Path], Branch] = {}
        self.filters = settings.filters(path, local)
        self._service: Service = stack(self.filters, self._dispatch)

    def hold(self) -> None:
        """Keep the name bound until `release`."""
        self._binding.hold()
        self._holders += 1

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Carry one exchange. A service that the cache had no room for lives for just this one.

        That of an override is held besides, because the cache may have to let it go at any time (`Clients.press`).
        """
        if self._holders and self.local is None:
            return self._service(exchange)
        return self._once(self._service, exchange)

    async def _once(self, service: Service, exchange: Exchange) -> None:
        self.hold()
        try:
            await service(exchange)
        finally:
            self.release()

    def _dispatch(self, exchange: Exchange) -> Awaitable[None]:
        """Innermost: hand over to the route, bound anew if anything has changed."""
        if self._seen_epoch != EPOCH.count:
            if not self._holders:  # the cache has let the name go, and this is another try of an exchange from before
                return self._once(self._dispatch, exchange)
            self._rebind()
        return self._branch(exchange)

    def leads(self) -> list[tuple[Path, float]]:
        """Return the bound names that requests go to, with their shares; as it was when the last one went."""
        result = self._seen
        found = shares(result.tree) if isinstance(result, Ok) else []
        return [(bound.id, share) for share, bound in found if bound is not None]

    def _rebind(self) -> None:
        self._seen_epoch = EPOCH.count
        result = self._binding.result
        if result is self._seen:
            return
        self._seen = result
        stale, self._routes = self._routes, {}
        if isinstance(result, Ok):
            branches = [(share, self._branch_to(bound, stale)) for share, bound in shares(result.tree)]
            branch = branches[0][1] if len(branches) == 1 else self._settings.picker(branches)
            self._branch = branch.serve
        elif isinstance(result, Failed):
            self._branch = NoRoute(result.message).serve
        else:
            self._branch = self._settle
        _close(stale)

    def _branch_to(self, bound: Bound | None, stale: dict[tuple[Path, Path], Branch]) -> Branch:
        """The route to a leaf: one that exists already, if the name led there before."""
        if bound is None:
            return NoRoute()
        key = (bound.id, bound.residual)
        branch = self._routes.get(key) or stale.pop(key, None)
        if branch is None:
            if self.local is None:
                branch = self._settings.route(self.path, bound, False)
            else:
                branch = LateRoute(self._settings.route, self.path, bound)
        elif isinstance(branch, (Route, LateRoute)):
            branch.follow(bound)
        self._routes[key] = branch
        return branch

    async def _settle(self, exchange: Exchange) -> None:
        """The binding is pending: wait for it, and keep it, even if the cache lets it go meanwhile."""
        seconds = self._settings.binding_seconds
        self.hold()
        try:
            with Timeout(seconds) as scope:
                await self._binding.settled()
            self._rebind()
            if scope.expired or self._branch == self._settle:
                raise binding_timeout(self.path, seconds)
            await self._branch(exchange)
        finally:
            self.release()

    def release(self) -> None:
        """Take back one `hold`; the last one lets the clients go."""
        self._holders -= 1
        self._binding.release()
        if not self._holders:
            routes, self._routes = self._routes, {}
            self._seen = None
            self._seen_epoch = -1
            # Who is in the middle of it has what it needs; the rest must not keep itself alive in a circle.
            self._service = self._branch = _ended
            _close(routes)
            if self._known:
                self._known = False
                self._settings.closed(self.path)


async def _ended(exchange: Exchange) -> None:
    raise RuntimeError("a service that has ended was asked again")


def _close(routes: dict[tuple[Path, Path], Branch]) -> None:
    for route in routes.values():
        if isinstance(route, (Route, LateRoute)):
            route.close()
