import pytest
import trio

from dtab import EMPTY, FAIL, NEG, Dtab, Failed, Leaf, Ok, Path
from dtab.utility import Status
from noderouter.core.addr import AddrBound, Address, AddrNeg, AddrPending
from noderouter.core.background import until
from noderouter.core.computed import Reading
from noderouter.naming.utility import UtilityNamer, places_in
from tests.testing.busy import PATIENCE_SECONDS


@pytest.fixture
async def namer(runtime) -> UtilityNamer:
    return UtilityNamer(runtime.resolver)


def look(namer: UtilityNamer, name: str):
    path = Path.parse(name)
    return namer.lookup(path.drop(len(namer.prefix)), Reading())


@pytest.mark.parametrize(
    ("name", "bound_id", "residual", "address"),
    [
        ("/$/inet/10.0.0.1/80/rest", "/$/inet/10.0.0.1/80", "/rest", Address("10.0.0.1", 80)),
        ("/$/inet/127.1/8080", "/$/inet/127.1/8080", "/", Address("127.0.0.1", 8080)),
        ("/$/inet/80", "/$/inet/80", "/", Address("127.0.0.1", 80)),
        ("/$/fixedinet/::1/80", "/$/fixedinet/::1/80", "/", Address("::1", 80)),
        ("/$/io.buoyant.rinet/80/10.0.0.1/x", "/$/io.buoyant.rinet/80/10.0.0.1", "/x", Address("10.0.0.1", 80)),
    ],
)
async def test_literals(namer, name, bound_id, residual, address):
    answer = look(namer, name)
    assert isinstance(answer, Ok)
    (bound,) = answer.tree.leaves()
    assert (bound.id.show(), bound.residual.show()) == (bound_id, residual)
    assert bound.addr.value == AddrBound(frozenset({address}))


async def test_host_names_follow_dns_and_unknown_ones_are_a_negative_address(namer, dns):
    dns.answers["web"] = frozenset({"10.0.0.1"})
    for name, addr in (("web", AddrBound(frozenset({Address("10.0.0.1", 80)}))), ("none", AddrNeg())):
        answer = look(namer, f"/$/inet/{name}/80")
        assert isinstance(answer, Ok)
        (bound,) = answer.tree.leaves()
        with trio.fail_after(PATIENCE_SECONDS):
            assert await until(bound.addr, lambda now: now != AddrPending()) == addr


async def test_the_same_name_has_the_same_var(namer):
    assert look(namer, "/$/inet/web/80") == look(namer, "/$/inet/web/80")
    assert look(namer, "/$/inet/web/80") != look(namer, "/$/fixedinet/web/80")


async def test_names_that_need_no_address(namer):
    assert look(namer, "/$/fail/x") == Ok(FAIL)
    assert look(namer, "/$/nil") == Ok(EMPTY)
    assert look(namer, "/$/io.buoyant.hostportPfx/a/web:80") == Ok(Leaf(Path.parse("/a/web/80")))
    assert look(namer, "/$/io.buoyant.rinet/80") == Ok(NEG)
    assert look(namer, "/$") == Ok(NEG)
    assert look(namer, "/$/none/x") == Failed("Unknown namer: none for path: /$/none/x")


async def test_a_status_is_not_an_address(namer):
    answer = look(namer, "/$/io.buoyant.http.status/404/rest")
    assert isinstance(answer, Ok)
    (bound,) = answer.tree.leaves()
    assert (bound.id.show(), bound.addr) == ("/$/io.buoyant.http.status/404/rest", Status(404))


def test_places_that_a_dtab_names():
    dtab = Dtab.parse(
        "/a => /$/inet/127.0.0.1/8080/rest | /$/inet/9990 & /$/inet/localhost/1 ;"
        "/b => /$/fixedinet/127.1\\x2c10.0.0.1/2 ;"
        "/c => /$/io.buoyant.rinet/3/::1 ; /d => /$/io.buoyant.hostportPfx/$/inet:4 ;"
        # Not whole, not without DNS, no address, not below /$.
        "/e => /$/inet/127.0.0.1 ; /f => /$/inet/db.example/80 ; /g => /$/inet/127.0.0.1\\x2cdb.example/80 ;"
        "/h => /$/fail ;"
        "/i => /$/io.buoyant.http.status/404 ; /j => /$/unknown ; /k => /svc/x ; /l => /$/inet/x/99999 ; /m => !"
    )
    assert {place.show() for place in places_in(dtab)} == {
        "/$/inet/127.0.0.1/8080",
        "/$/inet/9990",
        "/$/inet/localhost/1",
        "/$/fixedinet/\\x31\\x32\\x37\\x2e\\x31\\x2c\\x31\\x30\\x2e\\x30\\x2e\\x30\\x2e\\x31/2",
        "/$/io.buoyant.rinet/3/::1",
        "/$/inet/4",
    }
