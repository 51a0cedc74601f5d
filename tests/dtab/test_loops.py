import pytest
from hypothesis import given

from dtab import NEG, Dtab, Failed, Limits, Ok, bind, utility
from dtab.loops import find_loops
from tests.dtab.strategies import few_dtabs


@pytest.mark.parametrize(
    ("dtab", "loops"),
    [
        ("", []),
        ("/a=>/b;/b=>/c", []),
        ("/a=>/b;/b=>/c;/a/x=>/b/a", []),
        ("/a=>/a", [("/a", ["/a=>/a"])]),
        ("/svc=>/svc/x", [("/svc", ["/svc=>/svc/x"])]),
        ("/a=>/x | 2*/b & ~;/b=>/a", [("/a", ["/a=>/x | 2.00*/b & ~", "/b=>/a"])]),
        ("/0=>/a;/a=>/b;/b=>/a/x", [("/0", ["/a=>/b", "/b=>/a/x"])]),
        ("/a/*=>/a/x", [("/a/x", ["/a/*=>/a/x"])]),
        ("/a=>/$/io.buoyant.http.anyHostPfx/a/h", [("/a", ["/a=>/$/io.buoyant.http.anyHostPfx/a/h"])]),
        (
            "/svc=>/$/io.buoyant.http.domainToPathPfx/svc",
            [("/svc/any", ["/svc=>/$/io.buoyant.http.domainToPathPfx/svc"])],
        ),
        ("/*=>/$/io.buoyant.http.domainToPath", [("/any", ["/*=>/$/io.buoyant.http.domainToPath"])]),
        ("/a=>/a;/b=>/b", [("/a", ["/a=>/a"]), ("/b", ["/b=>/b"])]),
        ("/a=>/$/unknown;/b=>/$/nil;/c=>/$/inet/host/80", []),
    ],
)
def test_loops(dtab: str, loops: list[tuple[str, list[str]]]) -> None:
    found = find_loops(Dtab.parse(dtab))
    assert [(loop.path.show(), [dentry.show() for dentry in loop.dentries]) for loop in found] == loops


@given(few_dtabs)
def test_a_loop_makes_binding_fail_somewhere(dtab: Dtab) -> None:
    for loop in find_loops(dtab):
        explored = bind(
            dtab, loop.path, lambda path: utility.lookup(path) or Ok(NEG), explore=True, limits=Limits(steps=1_000)
        )
        messages = {getattr(node, "message", "") for node in explored.nodes()}
        assert messages & {"Max recursion level reached.", "Max steps reached."}
        assert loop.dentries


def test_a_hundred_rewritings_are_one_too_many() -> None:
    dtab = Dtab.parse(";".join(f"/{number}=>/{number + 1}" for number in range(150)))
    (first, *_) = find_loops(dtab)
    assert len(first.dentries) == 101
    assert isinstance(bind(dtab, first.path, lambda path: Ok(NEG)).result, Failed)


def test_the_search_is_bounded() -> None:
    doubling = ";".join(f"/{number}=>/{number + 1}/x & /{number + 1}/y" for number in range(30))
    assert find_loops(Dtab.parse(doubling)) == []
