"""The filter of limits on rates: what it asks for, and that it follows edits."""

import pytest

from dtab import Dtab, Path
from noderouter.core.errors import RateLimited
from noderouter.core.exchange import Exchange
from noderouter.core.var import Var
from noderouter.naming.service_names import ServiceNames
from noderouter.policy.limits import Limits
from noderouter.proxy.filter.overrides import BadContext
from noderouter.proxy.filter.rate_limit import RateLimitFilter
from noderouter.proxy.limit.rates import Rates, StoredLimits
from tests.testing.reply import make_exchange
from tests.testing.step import run

X = Path.parse("/svc/x")
NAMES = ServiceNames(Path.of("svc"))


def limited(service: str = "/") -> Limits:
    entry = {"name": "only", "service": service, "requestsPerSecond": 0.001}
    return Limits.model_validate({"limits": [entry]})


class World:
    """A filter for `/svc/x`, and the requests that came through."""

    def __init__(self, limits: Limits, local: str = "") -> None:
        self.stored: StoredLimits = Var(limits)
        rates = Rates("out", self.stored, lambda ip: ip, NAMES)
        self.served = 0
        self.filter = RateLimitFilter(self._serve, rates, X, Dtab.parse(local) if local else None)

    async def _serve(self, exchange: Exchange) -> None:
        self.served += 1

    def ask(self) -> bool:
        try:
            run(self.filter.serve(make_exchange()))
        except RateLimited:
            return False
        return True


def test_without_limits_everything_goes_on() -> None:
    world = World(Limits())
    assert all(world.ask() for _ in range(100))
    assert world.served == 100


def test_an_edit_counts_from_the_next_request_on() -> None:
    world = World(Limits())
    assert world.ask()
    world.stored.set(limited())
    assert [world.ask(), world.ask()] == [True, False]
    world.stored.set(limited("/svc/other"))
    assert world.ask()
    assert world.served == 3


def test_a_dtab_of_the_request_leads_past_no_limit() -> None:
    world = World(limited("/svc/hello"), "/svc/x => /svc/hello")
    assert [world.ask(), world.ask()] == [True, False]


def test_one_that_makes_too_many_names_is_refused_where_there_are_limits_for_them() -> None:
    endless = "/svc => /svc/a"
    assert World(limited("/svc/other"), endless).ask()
    world = World(limited(), endless)
    for _ in range(2):
        with pytest.raises(BadContext, match=r"more than 16 names of /svc/x"):
            world.ask()
    world.stored.set(Limits())
    assert world.ask()
