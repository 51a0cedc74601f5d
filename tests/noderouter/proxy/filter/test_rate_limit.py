"""The filter of limits on rates: what it asks for, and that it follows edits."""

import pytest

from dtab import NEG, Dtab, Ok, Path, bind
from dtab.limits import OVERRIDE
from dtab.steps import Node
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

    def __init__(self, limits: Limits, local: str = "", base: str = "") -> None:
        self.stored: StoredLimits = Var(limits)
        self.base: Var[Dtab] = Var(Dtab.parse(base))
        rates = Rates("out", self.stored, lambda ip: ip, NAMES)
        self.served = 0
        self.filter = RateLimitFilter(self._serve, rates, self._steps, X, Dtab.parse(local) if local else None)

    def _steps(self, name: Path, local: Dtab | None) -> Node:
        dtab = self.base.value if local is None else self.base.value + local
        return bind(dtab, name, lambda _name: Ok(NEG), limits=OVERRIDE).root

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


@pytest.mark.parametrize(
    ("base", "local"),
    [
        ("/svc/x => /svc/new", "/svc/new => /svc/hello"),
        ("/svc => /host ; /host => /service", "/host/x => /svc/hello"),
        ("/svc => /host ; /host => /service", "/service => /svc/a ; /svc/a/x => /svc/hello"),
        ("/svc/x => /svc/a | /svc/new", "/svc/new => /svc/hello"),
    ],
)
def test_nor_does_one_about_a_name_that_the_router_makes(base: str, local: str) -> None:
    world = World(limited("/svc/hello"), local, base)
    assert [world.ask(), world.ask()] == [True, False]


def test_what_the_router_makes_by_itself_is_no_matter() -> None:
    """Limits are for names that are asked for."""
    world = World(limited("/svc/hello"), "/svc/other => /svc/another", "/svc/x => /svc/hello")
    assert all(world.ask() for _ in range(3))


def test_an_edit_of_the_dtab_counts_from_the_next_request_on() -> None:
    world = World(limited("/svc/hello"), "/svc/new => /svc/hello")
    assert all(world.ask() for _ in range(3))
    world.base.set(Dtab.parse("/svc/x => /svc/new"))
    assert [world.ask(), world.ask()] == [True, False]


CHAIN = "".join(f"/svc/c{number} => /svc/c{number + 1} ;" for number in range(16))


@pytest.mark.parametrize("service", ["/", "/svc/hello"])
@pytest.mark.parametrize(
    ("local", "words"),
    [
        ("/svc => /svc/a", "more than 16 names of /svc/x"),
        (CHAIN + "/svc/x => /svc/c0 ; /svc/c16 => /svc/hello", "16"),
        ("/svc/x => " + "|".join(f"/svc/n{number}" for number in range(16)) + "| /svc/hello", "16"),
        ("/svc/x => /host ; /host => " + "|".join(f"/a/{n}" for n in range(9)), ""),
        ("/svc/x => /host ; /again => " + "|".join(f"/b/{n}" for n in range(99)), "more than 100 names"),
    ],
)
def test_one_that_makes_too_many_names_is_refused_where_there_are_limits(service: str, local: str, words: str) -> None:
    """Whatever they are for: they are not looked up."""
    world = World(limited(service), local, "/host => /again")
    for _ in range(2 if words else 0):
        with pytest.raises(BadContext, match=words):
            world.ask()
    world.stored.set(Limits())
    assert world.ask()
