"""Services and filters: the two shapes that the data path is made of (Finagle's words)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from noderouter.core.exchange import Exchange

Service = Callable[[Exchange], Awaitable[None]]
"""Carries one whole exchange; when it returns, both bodies are done (or the reply was not started: the
response was discarded by `exchange.gate`)."""


class Serving(Protocol):
    """What has a service: filters, routes, the router."""

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Carry one exchange."""
        ...


Filter = Callable[[Service], Serving]
"""Wraps a service: a class with the inner service as its first argument, or a function that makes one. Its `serve` may
be async; if it has nothing to do afterwards, it answers the inner awaitable."""


def stack(filters: Sequence[Filter], service: Service) -> Service:
    """Compose: the first filter is the outermost."""
    for wrap in reversed(filters):
        service = wrap(service).serve
    return service


class WhenSpecial:
    """Filters for requests that have special fields only: any other passes them at the price of one test."""

    __slots__ = ("_full", "_plain")

    def __init__(self, service: Service, filters: Sequence[Filter]) -> None:
        self._plain = service
        self._full = stack(filters, service)

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Go the short way or the long one."""
        return self._plain(exchange) if exchange.special is None else self._full(exchange)
