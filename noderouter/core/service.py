"""Services and filters: the two shapes that the data path is made of (Finagle's words)."""

from collections.abc import Awaitable, Callable, Sequence
from types import MethodType

from noderouter.core.exchange import Exchange

Service = Callable[[Exchange], Awaitable[None]]
"""Carries one whole exchange; when it returns, both bodies are done (or the reply was not started: the
response was discarded by `exchange.gate`)."""

Filter = Callable[[Service], Service]
"""Wraps a service. A filter is a class with the inner service as its first argument and an async
`__call__(exchange)`, or a function that answers one."""


def stack(filters: Sequence[Filter], service: Service) -> Service:
    """Compose: the first filter is the outermost."""
    for wrap in reversed(filters):
        service = callable_of(wrap(service))
    return service


def callable_of(service: Service) -> Service:
    """The cheapest thing to call: of what is interpreted, a bound method (half the price of an instance).

    What is compiled has no such methods, and is cheapest itself.
    """
    call = getattr(service, "__call__", None)  # noqa: B004  # to have it, not to know of it
    return call if isinstance(call, MethodType) else service


class WhenSpecial:
    """Filters for requests that have special fields only: any other passes them at the price of one test."""

    __slots__ = ("_full", "_plain")

    def __init__(self, service: Service, filters: Sequence[Filter]) -> None:
        self._plain = service
        self._full = stack(filters, service)

    def __call__(self, exchange: Exchange) -> Awaitable[None]:
        """Go the short way or the long one."""
        return self._plain(exchange) if exchange.special is None else self._full(exchange)
