"""Limits on rates (`limits` beside the policies): a request needs a token of each that is for its name.

Service side, outermost, only where a place for policies is configured: retries take no tokens, and what is refused has
been neither bound nor sent. A flow is one request. Which limits there are may change at any time; that is compared by
one int.
"""

from collections.abc import Awaitable
from time import monotonic

from dtab import Dtab, Path
from noderouter.core.epoch import EPOCH
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.filter.overrides import BadContext
from noderouter.proxy.limit.rates import MOST_ALIASES, Found, Rates, names_under


class RateLimitFilter:
    """Takes tokens for the requests of one logical name."""

    __slots__ = ("_epoch", "_limits", "_names", "_rates", "_service", "_version")

    def __init__(self, service: Service, rates: Rates, name: Path, local: Dtab | None) -> None:
        """`local` is the dtab of requests that the name is under."""
        self._service = service
        self._rates = rates
        self._names = names_under(name, local)
        self._epoch = self._version = -1
        self._limits: Found = ()

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Go on with tokens.

        Raises:
            RateLimited: a limit has none for it.
            BadContext: its dtab makes too many names of one.
        """
        if self._epoch != EPOCH.count:
            self._look()
        if self._limits:
            self._rates.admit(exchange, self._limits, monotonic())
        return self._service(exchange)

    def _look(self) -> None:
        self._epoch = EPOCH.count
        rates = self._rates
        rates.look()
        if self._version != rates.version:
            self._version = rates.version
            self._limits = rates.of(self._names)
        if self._limits and len(self._names) > MOST_ALIASES:
            self._epoch = -1
            raise BadContext(
                f"the dtabs of the request make more than {MOST_ALIASES} names of {self._names[0].show()}, which are"
                " too many for limits to be looked up"
            )
