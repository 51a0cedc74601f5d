"""The service stack of one logical name: stats, total timeout, context, retries, and the choice of a route.

The binding is compared by one int per request (`Var.epoch`); only when a name, an address set or the dtab has changed
anywhere is it looked at again, and only when its own result changed are routes made anew.
"""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Protocol

from dtab import Bound, Failed, Ok, Path
from noderouter.core.exchange import Exchange
from noderouter.core.service import Filter, Service, stack
from noderouter.filter.error_text import binding_timeout
from noderouter.naming.binding import Binding
from noderouter.naming.var import Var
from noderouter.reactor.task import Timeout
from noderouter.router.picker import Branch, Picker, shares
from noderouter.router.route import NoRoute, Route


class RouteFactory(Protocol):
    """Makes (or finds) the route of a name to a bound leaf."""

    def __call__(self, name: Path, bound: Bound) -> Branch:
        """The route; the same one for the same client."""
        ...


class NamedService:
    """Carries the exchanges of one logical name.

    Attributes:
        used_at: when it was last called, monotonic seconds.
        service: the whole stack, to be awaited.
    """

    __slots__ = ("_binding", "_binding_seconds", "_branch", "_epoch", "_picker_of", "_result", "_route", "_routes", "name", "service", "used_at")

    def __init__(
        self,
        name: Path,
        binding: Binding,
        filters: list[Filter],
        route: RouteFactory,
        picker: Callable[[list[tuple[float, Branch]]], Picker],
        binding_seconds: float,
    ) -> None:
        """`binding` is released by `close`."""
        self.name = name
        self.used_at = monotonic()
        self._binding = binding
        self._binding_seconds = binding_seconds
        self._route = route
        self._picker_of = picker
        self._epoch = -1
        self._result: object = None
        self._routes: dict[tuple[Path, Path], Branch] = {}
        self._branch: Branch = self._settle
        self.service: Service = stack(filters, self._dispatch)

    def __repr__(self) -> str:
        return f"<NamedService {self.name.show()} {self._branch!r}>"

    def _dispatch(self, exchange: Exchange) -> Awaitable[None]:
        """Innermost: hand over to the route, bound anew if anything has changed."""
        if self._epoch != Var.epoch:
            self._rebind()
        return self._branch(exchange)

    def _rebind(self) -> None:
        self._epoch = Var.epoch
        result = self._binding.result
        if result is self._result:
            return
        self._result = result
        stale, self._routes = self._routes, {}
        if isinstance(result, Ok):
            branches = [(share, self._branch_to(bound, stale)) for share, bound in shares(result.tree)]
            self._branch = branches[0][1] if len(branches) == 1 else self._picker_of(branches)
        elif isinstance(result, Failed):
            self._branch = NoRoute(result.message)
        else:
            self._branch = self._settle
        self._drop(stale)

    def _branch_to(self, bound: Bound | None, stale: dict[tuple[Path, Path], Branch]) -> Branch:
        """The route to a leaf: one that exists already, if the name led there before."""
        if bound is None:
            return NoRoute()
        key = (bound.id, bound.residual)
        branch = self._routes.get(key) or stale.pop(key, None)
        if branch is None:
            branch = self._route(self.name, bound)
        elif isinstance(branch, Route):
            branch.follow(bound)
        self._routes[key] = branch
        return branch

    @staticmethod
    def _drop(routes: dict[tuple[Path, Path], Branch]) -> None:
        for route in routes.values():
            if isinstance(route, Route):
                route.close()

    async def _settle(self, exchange: Exchange) -> None:
        """The binding is pending: wait for it."""
        with Timeout(self._binding_seconds) as scope:
            await self._binding.settled()
        self._rebind()
        if scope.expired or self._branch == self._settle:
            raise binding_timeout(self.name, self._binding_seconds)
        await self._branch(exchange)

    def close(self) -> None:
        """Release what the binding watches, and the clients."""
        self._binding.release()
        self._drop(self._routes)
        self._routes = {}
