"""Limits on rates (`limits` beside the policies): a request needs a token of each that is for its name.

Service side, outermost, only where a place for policies is configured: retries take no tokens, and what is refused has
been neither bound nor sent. A flow is one request. Which limits there are may change at any time; that is compared by
one int.
"""

from collections.abc import Awaitable, Callable
from time import monotonic

from dtab import Dtab, Path
from dtab.steps import Node
from noderouter.core.epoch import EPOCH
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.proxy.filter.overrides import BadContext
from noderouter.proxy.limit.rates import MOST_ALIASES, MOST_NAMES, Found, Rates, led_to, names_under

Steps = Callable[[Path, Dtab | None], Node]
"""Binds a name with a dtab of requests, and shows the way."""


class RateLimitFilter:
    """Takes tokens for the requests of one logical name."""

    __slots__ = ("_epoch", "_limits", "_local", "_name", "_names", "_rates", "_service", "_steps", "_version")

    def __init__(self, service: Service, rates: Rates, steps: Steps, name: Path, local: Dtab | None) -> None:
        """`local` is the dtab of requests that the name is under."""
        self._service = service
        self._rates = rates
        self._steps = steps
        self._name = name
        self._local = local
        self._names: tuple[Path, ...] = ()
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
        if not rates.look():
            self._limits = ()
            return
        names = self._led_to()
        if self._version != rates.version or names != self._names:
            self._version = rates.version
            self._names = names
            self._limits = rates.of(names)

    def _led_to(self) -> tuple[Path, ...]:
        """The names whose limits count; with a dtab of the request they change whenever a dtab does.

        Raises:
            BadContext: there are too many for limits to be looked up.
        """
        name, local = self._name, self._local
        if local is None:
            return (name,)
        found = dict.fromkeys(names_under(name, local))
        many = len(found) > MOST_ALIASES
        if not many:
            found.update(dict.fromkeys(led_to(self._steps(name, local), local)))
        if many or len(found) > MOST_NAMES:
            self._epoch = -1
            raise BadContext(
                f"the dtabs of the request make more than {MOST_ALIASES if many else MOST_NAMES} names of"
                f" {name.show()}, which are too many for limits to be looked up"
            )
        return tuple(found)
