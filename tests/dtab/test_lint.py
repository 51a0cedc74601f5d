import pytest
from hypothesis import example, given

from dtab import NEG, Answer, Bound, Dtab, Failed, Leaf, Ok, Path, bind, utility
from dtab.lint import Finding, lint
from tests.dtab.strategies import few_dtabs, few_paths

TARGETS = ";/b=>/#/b;/c=>/#/c"


def found(dtab: str, *namers: str) -> list[tuple[str, str]]:
    prefixes = [Path.parse(namer) for namer in namers] or None
    return [(finding.code, finding.message) for finding in lint(dtab + TARGETS, prefixes)]


def test_nothing_to_say() -> None:
    assert lint("") == []
    assert lint("# comment\n/svc => /host; /host => /#/io.l5d.fs | /$/inet/x/1 & /$/io.buoyant.rinet/80") == []


def test_where() -> None:
    (finding,) = lint("# one\n/a => /$/nil ;\n   /b => /nowhere # two")
    assert finding == Finding(3, 4, "dead-end", "nothing matches /nowhere")
    assert str(finding) == "3:4: dead-end: nothing matches /nowhere"


def test_syntax() -> None:
    assert lint("/a => /b\n; ;") == [Finding(2, 3, "syntax", "'/' expected but ';' found at '/a => /b\n; [;]'")]


@pytest.mark.parametrize(
    ("dtab", "message"),
    [
        ("/a=>/b;/a=>/c | !", "/a=>/b is never used: /a=>/c | ! always comes first"),
        ("/a/x=>/b;/a=>$", "/a/x=>/b is never used: /a=>$ always comes first"),
        ("/a/x/y=>/b;/a/*=>/$/inet/host/80", "/a/x/y=>/b is never used: /a/*=>/$/inet/host/80 always comes first"),
        ("/a/*=>/b;/*/*=>!", "/a/*=>/b is never used: /*/*=>! always comes first"),
        ("/a=>/b;/a=>/c & $", "/a=>/b is never used: /a=>/c & $ always comes first"),
        ("/a=>/b;/a=>(/c | $) & ($ | /c)", "/a=>/b is never used: /a=>(/c | $) & ($ | /c) always comes first"),
    ],
)
def test_unreachable(dtab: str, message: str) -> None:
    assert ("unreachable", message) in found(dtab)


@pytest.mark.parametrize(
    "dtab",
    [
        "/a=>!;/a=>/b",
        "/a=>/b;/a=>~ | ~",
        "/a=>/b;/a=>/c & !",  # a union drops what fails: negative if /c is
        "/a=>/b;/a=>/c & (/c | $)",  # the same if /c fails
        "/a=>/b;/a=>/$/io.buoyant.http.anyHost",
        "/a=>/b;/a=>/$/io.buoyant.http.anyHost/h/c",
        "/a=>/b;/a=>/$/inet",
        "/a=>/b;/a=>/$/fail;/$=>/c",  # a dentry gets at it first
        "/a=>/b;/a/*=>$",
        "/a/*=>/b;/a/x=>$",
    ],
)
def test_reachable(dtab: str) -> None:
    assert "unreachable" not in dict(found(dtab))


@pytest.mark.parametrize(
    ("dtab", "message"),
    [
        ("/a=>/b | ! | /c", "/c is never tried: ! always comes first"),
        ("/a=>(/$/nil | /b) & /c", "/b is never tried: /$/nil always comes first"),
        ("/a=>$ | /b | /c", "/b is never tried: $ always comes first"),
    ],
)
def test_alternatives_that_are_never_tried(dtab: str, message: str) -> None:
    assert found(dtab) == [("unreachable", message)]


def test_duplicates() -> None:
    assert found("/a=>/b;/a=>/c;/a => /b") == [("duplicate", "/a=>/b is said again later")]


@pytest.mark.parametrize(
    ("dtab", "message"),
    [
        ("/a/x=>/b;/a/*=>/c", "/a/x=>/b is used only where the later /a/*=>/c is negative"),
        ("/a/x=>/b;/a=>/c;/a=>/b", "/a/x=>/b is used only where the later /a=>/b is negative"),
        ("/a/*/y=>/b;/*/*/y=>/c", "/a/*/y=>/b is used only where the later /*/*/y=>/c is negative"),
    ],
)
def test_shadowed(dtab: str, message: str) -> None:
    assert found(dtab) == [("shadowed", message)]


@pytest.mark.parametrize("dtab", ["/a/*=>/b;/a/x=>/c", "/a=>/b;/a=>/c", "/a/*=>/b;/*/x=>/c", r"/a/*=>/b;/a/\x00=>/c"])
def test_not_shadowed(dtab: str) -> None:
    assert found(dtab) == []


def test_loops() -> None:
    (finding,) = lint("/b => /$/nil;\n/a => /c | /b;\n/c => /a")
    assert finding == Finding(2, 1, "loop", "/a is rewritten for ever by /a=>/c | /b; /c=>/a")


@pytest.mark.parametrize(
    ("dtab", "namers", "message"),
    [
        ("/a=>/$/io.buoyant.rine/80", (), "no namer /$/io.buoyant.rine for /$/io.buoyant.rine/80"),
        (
            "/a=>/#/io.l5d.f/x | /#/io.l5d.f/x",
            ("/#/io.l5d.fs", "/#/b", "/#/c"),
            "no configured namer for /#/io.l5d.f/x",
        ),
    ],
)
def test_unknown_namers(dtab: str, namers: tuple[str, ...], message: str) -> None:
    assert found(dtab, *namers) == [("unknown-namer", message)]


@pytest.mark.parametrize(
    ("dtab", "namers"),
    [
        ("/a=>/#/anything", ()),
        ("/a=>/#/b | /#", ("/#/b/more", "/#/c")),
        ("/a=>/$;/d=>/$/unknown;/$/unknown=>/b", ()),
    ],
)
def test_known_namers(dtab: str, namers: tuple[str, ...]) -> None:
    assert found(dtab, *namers) == []


def test_dead_ends() -> None:
    assert found("/a=>/b/x | /x/y & /z") == [
        ("dead-end", "nothing matches /x/y"),
        ("dead-end", "nothing matches /z"),
    ]
    assert found("/a=>/x;/x/y/z=>/b") == []


@given(few_dtabs, few_paths)
@example(Dtab.parse("/=>~;/=>~"), Path.of("b"))
@example(Dtab.parse("/=>0.00*/ & 0.00*~;/=>0.00*/ & 0.00*~"), Path.EMPTY)
def test_what_is_never_used_changes_nothing(dtab: Dtab, path: Path) -> None:
    """Leave out every dentry that is called unreachable or a duplicate: each name is bound as before."""
    findings = lint("\n;".join(dentry.show() for dentry in dtab))
    useless = {
        finding.line - 1 for finding in findings if finding.code == "duplicate" or "is never used" in finding.message
    }
    rest = Dtab(dentry for number, dentry in enumerate(dtab) if number not in useless)

    def lookup(name: Path) -> Answer:
        known = name.labels[:1] == (b"b",)
        return utility.lookup(name) or Ok(Leaf(Bound(name, Path.EMPTY, "addr")) if known else NEG)

    without, with_them = bind(rest, path, lookup).result, bind(dtab, path, lookup).result
    if any(isinstance(result, Failed) and result.message.startswith("Max ") for result in (without, with_them)):
        # Names that are rewritten for ever: there the limits decide, and every entry counts for them.
        assert "loop" in {finding.code for finding in findings}
    else:
        assert without == with_them


def test_large_tables() -> None:
    same = ";".join(f"/svc => /#/{number}" for number in range(3_000))
    assert lint(same) == []
    other = ";".join(f"/svc/{number} => /#/{number}" for number in range(3_000))
    assert len(lint(other + "; /svc/* => /#/all")) == 3_000
