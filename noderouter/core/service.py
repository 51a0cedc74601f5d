"""Services and filters: the two shapes that the data path is made of (Finagle's words)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from noderouter.core.exchange import Exchange

Service = Callable[[Exchange], Awaitable[None]]
"""Carries one whole exchange; when it returns, both bodies are done (or the reply was not started: the
response was discarded by `exchange.gate`)."""


NOTHING: Final[Mapping[str, object]] = {}


class Serving(Protocol):
    """What has a service: filters, routes, the router."""

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Carry one exchange."""
        ...


Filter = Callable[[Service], Serving]
"""Wraps a service: a class with the inner service as its first argument, or a function that makes one. Its `serve` may
be async; if it has nothing to do afterwards, it answers the inner awaitable."""


class Layer:
    """A filter with what is shown of it: its name, its parameters, and the filters inside it.

    It is a `Filter` itself, and not there any more once the stack is built: a request runs through what it has wrapped.
    """

    __slots__ = ("filters", "name", "params", "wrap")

    def __init__(
        self, name: str, wrap: Filter, params: Mapping[str, object] = NOTHING, filters: "Sequence[Layer]" = ()
    ) -> None:
        """`params` are shown under the keys that they have in the configuration."""
        self.name = name
        self.wrap = wrap
        self.params = params
        self.filters = filters

    def __repr__(self) -> str:
        return f"<Layer {self.name}>"

    def __call__(self, service: Service) -> Serving:
        return self.wrap(service)

    def showing(self, **params: object) -> "Layer":
        """The same with these parameters; those that are None are left out."""
        shown = {key: value for key, value in params.items() if value is not None}
        return Layer(self.name, self.wrap, shown, self.filters)


def stack(filters: Sequence[Filter], service: Service) -> Service:
    """Compose: the first filter is the outermost."""
    for wrap in reversed(filters):
        service = wrap(service).serve
    return service


class WhenReserved:
    """Filters for requests that have reserved fields only: any other passes them at the price of one test."""

    __slots__ = ("_full", "_plain")

    def __init__(self, service: Service, filters: Sequence[Filter]) -> None:
        self._plain = service
        self._full = stack(filters, service)

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Go the short way or the long one."""
        return self._plain(exchange) if exchange.reserved is None else self._full(exchange)
