"""What names are bound to, and how long that is kept.

Covers `binding_cache.py`.
"""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import NEG, Bound, Dtab, Failed, Leaf, Ok, Path, Pending, Union, Weighted
from noderouter.core.addr import Addr, AddrNeg, AddrPending
from noderouter.core.computed import Reading
from noderouter.core.var import Var
from noderouter.naming.binding import Binding, Result
from noderouter.naming.binding_cache import BindingCache
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task

DTAB = Dtab.parse("/svc => /a")


def cache_of(bind, *arguments, **options):
    """A cache of plain bindings."""
    return BindingCache(lambda name, local: Binding(name, local, bind), *arguments, **options)


class Names:
    """Something that binds: one Var for each path."""

    def __init__(self) -> None:
        self.results: dict[Path, Var[Result]] = defaultdict(lambda: Var(Ok(NEG)))
        self.asked: list[tuple[Path, Dtab | None]] = []

    def bind(self, path: Path, local: Dtab | None, reading: Reading) -> Result:
        self.asked.append((path, local))
        return reading.read(self.results[path])

    @property
    def held(self) -> set[str]:
        return {path.show() for path, var in self.results.items() if var.holders}


@pytest.fixture
def names() -> Names:
    return Names()


def path(number: int) -> Path:
    return Path.of(f"{number}")


def test_a_name_is_bound_once_until_something_it_read_changes(names):
    cache = cache_of(names.bind)
    assert cache.get(path(1)) is cache.get(Path.of("1"))
    assert cache.get(path(1)).result == Ok(NEG)
    assert len(names.asked) == 1
    names.results[path(2)].set(Failed("other"))
    assert cache.get(path(1)).result == Ok(NEG)
    assert len(names.asked) == 1
    names.results[path(1)].set(Failed("mine"))
    assert cache.get(path(1)).result == Failed("mine")
    assert len(names.asked) == 2


def test_a_local_dtab_makes_it_another_binding(names):
    cache = cache_of(names.bind)
    assert cache.get(path(1)) is not cache.get(path(1), DTAB)
    assert cache.get(path(1), DTAB) is cache.get(path(1), Dtab.parse("/svc=>/a"))
    assert names.asked == [(path(1), None), (path(1), DTAB)]
    assert len(cache) == 2


def test_the_addresses_it_leads_to_are_held_but_not_depended_on(names):
    one, two = Var[Addr](AddrPending()), Var[Addr](AddrPending())
    branches = [
        Weighted(1.0, Leaf(Bound(path(n), Path.EMPTY, addr))) for n, addr in ((1, one), (2, two), (3, "opaque"))
    ]
    names.results[path(1)].set(Ok(Union(tuple(branches))))
    cache = cache_of(names.bind)
    cache.get(path(1))
    assert (one.holders, two.holders) == (1, 1)
    one.set(AddrNeg())
    assert cache.get(path(1)).result == Ok(Union(tuple(branches)))
    assert len(names.asked) == 1
    names.results[path(1)].set(Ok(branches[0].tree))
    assert cache.get(path(1)).result == Ok(branches[0].tree)
    assert (one.holders, two.holders) == (1, 0)
    cache.clear()
    assert (one.holders, two.holders) == (0, 0)
    assert len(cache) == 0


def test_the_least_recently_used_makes_room(names):
    cache = cache_of(names.bind, capacity=3)
    for number in range(3):
        cache.sweep(number)
        cache.get(path(number))
    cache.sweep(3)
    cache.get(path(0))
    cache.sweep(4)
    cache.get(path(3))
    assert names.held == {"/0", "/2", "/3"}
    assert (cache.misses, cache.evicts, cache.oneshots) == (4, 1, 0)


def test_a_flood_of_names_does_not_push_out_those_in_use(names):
    cache = cache_of(names.bind, capacity=3)
    steady = [cache.get(path(number)) for number in range(3)]
    for second in range(5):
        cache.sweep(second)
        assert [cache.get(path(number)) for number in range(3)] == steady
        for number in range(100, 110):
            binding = cache.get(path(number + 10 * second))
            assert binding.result == Ok(NEG)
            assert binding not in steady
    assert len(cache) == 3
    assert names.held == {"/0", "/1", "/2"}
    assert (cache.evicts, cache.oneshots) == (0, 50)


def test_a_oneshot_binds_once_for_its_request(names):
    cache = cache_of(names.bind, capacity=0)
    binding = cache.get(path(1))
    assert [binding.result for _ in range(3)] == [Ok(NEG)] * 3
    assert len(names.asked) == 1
    names.results[path(1)].set(Pending())
    assert binding.result == Pending()
    assert names.held == set()


def test_idle_bindings_end(names):
    cache = cache_of(names.bind, idle_seconds=60)
    cache.sweep(100.0)
    cache.get(path(1))
    cache.get(path(2), DTAB)
    cache.sweep(130.0)
    cache.get(path(2), DTAB)
    cache.sweep(159.0)
    assert len(cache) == 2
    cache.sweep(160.0)
    assert names.held == {"/2"}
    assert (len(cache), cache.expires) == (1, 1)
    cache.clear()
    assert names.held == set()


def test_who_was_idle_but_is_used_again_stays(names):
    cache = cache_of(names.bind, capacity=3)
    for number in range(3):
        cache.get(path(number))
    cache.sweep(1.0)
    cache.get(path(3))
    for number in (1, 2, 3):
        cache.get(path(number))
    cache.get(path(4))
    assert names.held == {"/1", "/2", "/3"}
    assert (cache.evicts, cache.oneshots) == (1, 1)


def test_the_least_recently_used_can_be_let_go_at_once(names):
    cache = cache_of(names.bind)
    for number in range(3):
        cache.sweep(number)
        cache.get(path(number), DTAB)
    cache.get(path(0), DTAB)
    assert [cache.evict() for _ in range(4)] == [True, True, True, False]
    assert (len(cache), cache.evicts, names.held) == (0, 3, set())


def test_clearing_forgets_who_was_idle(names):
    cache = cache_of(names.bind, capacity=2)
    cache.get(path(1))
    cache.get(path(2))
    cache.sweep(1.0)
    cache.get(path(3))
    cache.clear()
    cache.get(path(4))
    cache.get(path(5))
    cache.get(path(6))
    assert names.held == {"/4", "/5"}


def test_a_binder_that_raises_leaves_nothing_behind(names):
    def bind(path: Path, local: Dtab | None, reading: Reading) -> Result:
        reading.read(names.results[path])
        raise ZeroDivisionError

    cache = cache_of(bind)
    with pytest.raises(ZeroDivisionError):
        cache.get(path(1))
    assert len(cache) == 0
    assert names.held == set()


@pytest.fixture
def reactor():
    def crashed(task: Task, error: BaseException) -> None:
        raise error

    instance = Reactor(crashed)
    yield instance
    instance.close()


@pytest.mark.parametrize("capacity", [0, 1])
def test_settling_waits_while_pending_and_holds_meanwhile(names, reactor, capacity):
    names.results[path(1)].set(Pending())
    binding = cache_of(names.bind, capacity).get(path(1))
    settled: list[Result] = []

    async def wait() -> None:
        settled.append(await binding.settled())

    reactor.spawn(wait(), "wait")
    reactor.turn()
    assert names.held == {"/1"}
    names.results[path(1)].set(Failed("slow"))
    reactor.turn()
    assert settled == [Failed("slow")]
    assert names.results[path(1)].holders == capacity


def test_a_wait_that_is_cancelled_lets_go(names, reactor):
    names.results[path(1)].set(Pending())
    binding = Binding(path(1), None, names.bind)

    async def wait() -> None:
        await binding.settled()

    task = reactor.spawn(wait(), "wait")
    reactor.turn()
    task.cancel("enough")
    reactor.turn()
    assert task.done
    assert names.held == set()
    assert names.results[path(1)]._bells == []


@given(
    st.integers(0, 4),
    st.lists(st.one_of(st.integers(0, 9), st.just("sweep"), st.tuples(st.integers(0, 9), st.booleans())), max_size=60),
)
def test_a_cache_of_any_size_answers_like_none(capacity, steps):
    """Whatever is asked, swept and changed: the current result, never more than `capacity` held."""
    names = Names()
    cache = cache_of(names.bind, capacity, idle_seconds=3)
    now = 0.0
    for step in steps:
        match step:
            case "sweep":
                now += 1
                cache.sweep(now)
            case (which, failed):
                names.results[path(which)].set(Failed("x") if failed else Ok(NEG))
            case _:
                assert cache.get(path(step)).result == names.results[path(step)].value
        assert len(cache) <= capacity
        assert len(names.held) == len(cache)
    cache.clear()
    assert names.held == set()
