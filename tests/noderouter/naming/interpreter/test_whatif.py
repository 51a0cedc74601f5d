"""Two dtabs, compared by where names lead: shares, failures, what is not known, and bounds."""

import pytest
import trio
from trio.testing import MockClock

from dtab import Bound, Dtab, Failed, Leaf, NameTree, Ok, Path, Pending
from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.var import Var
from noderouter.naming.interpreter import whatif as module
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.stored import StoredDtab, StoredInterpreter
from noderouter.naming.interpreter.whatif import Asked, Change, Comparison, Place, Where, compare
from noderouter.naming.utility import UtilityNamer
from tests.noderouter.naming.interpreter.test_interpreter import Table

ALIVE: Var[Addr] = Var(AddrBound(frozenset({Address("10.0.0.1", 80)})))
SVC, WORLD = Path.parse("/svc/hello"), Path.parse("/svc/world")


def leaf(name: str, addr: object = ALIVE) -> Ok[NameTree[Path | Bound]]:
    return Ok(Leaf(Bound(Path.parse(f"/#/t/{name}"), Path.EMPTY, addr)))


@pytest.fixture
async def namers(runtime) -> tuple[Table, UtilityNamer]:
    names = {name: leaf(name) for name in ("hello", "world", "v2")}
    table = Table("/#/t", dead=leaf("dead", Var(AddrNeg())), broken=leaf("broken", Var(AddrFailed("x"))), **names)
    return table, UtilityNamer(runtime.resolver)


def interpreter_of(namers: tuple[Table, UtilityNamer]) -> Interpreter:
    table, utility = namers
    return Interpreter(Sources(Var(Dtab.EMPTY), [table], utility), Var(Dtab.EMPTY))


async def compared(namers, now: str, then: str, **rates: float) -> Comparison:
    asked = [Asked(Path.of("svc", name), rate) for name, rate in (rates or {"hello": 1.0}).items()]
    return await compare(interpreter_of(namers).bind_with, Dtab.parse(now), Dtab.parse(then), asked)


async def test_nothing_moves_where_ways_differ_and_places_do_not(namers):
    found = await compared(namers, "/svc => /#/t", "/svc => /a; /a => /b; /b => /#/t")
    assert (found.changes, found.moves, found.fails_then, found.not_looked_at) == ([], 0.0, 0.0, 0)
    assert [change.now for change in found.looked_at] == [Where((Place("/#/t/hello", 1.0, False),))]


async def test_shares_that_move_are_weighed_by_rate(namers):
    found = await compared(
        namers, "/svc => /#/t", "/svc => /#/t; /svc/hello => 9 * /#/t/hello & 1 * /#/t/v2", hello=30.0, world=10.0
    )
    (change,) = found.changes
    assert change.asked == Asked(SVC, 30.0)
    assert change.then.places == (Place("/#/t/hello", 0.9, False), Place("/#/t/v2", pytest.approx(0.1), False))
    assert change.moves == pytest.approx(0.1)
    assert (found.rate, found.moves, found.fails_then) == (40.0, pytest.approx(0.075), 0.0)


@pytest.mark.parametrize(
    ("dst", "to"),
    [
        ("~", "nowhere: no such name"),
        ("!", "nowhere: it fails (!)"),
        ("$", "nowhere: without endpoints ($)"),
        ("/#/t/dead", "/#/t/dead (no endpoints)"),
        ("/#/t/broken", "/#/t/broken (no endpoints)"),
        ("/#/t/unknown", "nowhere: no such name"),
        ("/svc/hello", "nowhere: Max recursion level: 100 reached in Namer lookup"),
    ],
)
async def test_what_would_fail_and_why(namers, dst, to):
    found = await compared(namers, "/svc => /#/t", f"/svc/hello => {dst}")
    (change,) = found.looked_at
    assert change.then == Where((Place(to, 1.0, True),))
    assert (found.fails_now, found.fails_then, found.moves) == (0.0, 1.0, 1.0)


async def test_an_answer_of_the_router_is_no_failure(namers):
    found = await compared(namers, "/svc => /#/t", "/svc => /$/io.buoyant.http.status/404")
    assert (found.fails_then, found.moves) == (0.0, 1.0)


async def test_what_is_not_known_is_waited_for_and_nothing_is_kept(namers):
    table, _ = namers
    slow: Var[Addr] = Var(AddrPending())
    table.answers[Path.of("late")] = late = Var(Pending())
    table.answers[Path.of("slow")] = Var(leaf("slow", slow))
    async with trio.open_nursery() as nursery:

        async def arrives() -> None:
            await trio.testing.wait_all_tasks_blocked()
            late.set(leaf("late"))
            await trio.testing.wait_all_tasks_blocked()
            slow.set(ALIVE.value)

        nursery.start_soon(arrives)
        found = await compared(
            namers, "/svc => /#/t", "/svc/hello => /#/t/late; /svc/world => /#/t/slow", hello=2, world=1
        )
    assert [change.then.places[0].to for change in found.changes] == ["/#/t/late", "/#/t/slow"]
    assert late._holders == slow._holders == 0


async def test_what_is_not_known_in_time_is_in_no_sum(namers, autojump_clock: MockClock):
    namers[0].answers[Path.of("never")] = Var(Pending())
    found = await compared(namers, "/svc => /#/t", "/svc => /#/t; /svc/hello => /#/t/never", hello=2, world=1)
    (change,) = found.changes
    assert (change.known, change.then.pending) == (False, True)
    assert (found.rate, found.moves, found.not_looked_at) == (1.0, 0.0, 0)
    assert trio.current_time() > 0.4


async def test_the_busiest_names_come_first_and_the_rest_is_counted(namers, monkeypatch):
    monkeypatch.setattr(module, "MAX_NAMES", 2)
    found = await compared(namers, "/svc => /#/t", "/svc => /#/t", hello=1, world=3, v2=2)
    assert [each.asked.name.show() for each in found.looked_at] == ["/svc/world", "/svc/v2"]
    assert found.not_looked_at == 1


async def test_time_is_bounded(namers, autojump_clock: MockClock, monkeypatch):
    """Each batch waits for a name that never comes: after two seconds the others are not looked at."""
    monkeypatch.setattr(module, "BATCH", 1)
    table, _ = namers
    names = [f"never{n}" for n in range(20)]
    for name in names:
        table.answers[Path.of(name)] = Var(Pending())
    found = await compared(namers, "/svc => /#/t", "/svc => /#/t", **dict.fromkeys(names, 1.0))
    assert (len(found.looked_at), found.not_looked_at) == (4, 16)


async def test_others_get_their_turn(namers, monkeypatch):
    rests = 0

    async def rest(_pace: object) -> None:
        nonlocal rests
        rests += 1

    monkeypatch.setattr(module.Pace, "due", lambda _pace: True)
    monkeypatch.setattr(module.Pace, "rest", rest)
    await compared(namers, "/svc => /#/t", "/svc => /#/t", hello=1, world=1)
    assert rests == 2


async def test_what_people_edit_is_the_stored_dtab_where_there_is_one(namers):
    table, utility = namers
    own, stored = Dtab.parse("/own => /#/t"), StoredDtab("x")
    stored.apply(Dtab.parse("/old => /#/t"))
    draft = Dtab.parse("/new => /#/t")
    sources = Sources(Var(own), [table], utility)
    assert StoredInterpreter(stored, sources, ()).with_draft(draft) == draft + own
    assert Interpreter(sources, Var(Dtab.EMPTY)).with_draft(draft) == draft
    assert Interpreter(sources, Var(Failed("x"))).with_draft(draft) == draft


def test_a_change_of_nothing_moves_nothing():
    where = Where((Place("a", 0.25, False), Place("b", 0.75, True)))
    change = Change(Asked(SVC, 1.0), where, where)
    assert (change.moves, change.known, where.fails) == (0.0, True, 0.75)
    assert Comparison((), 0).moves == 0.0
