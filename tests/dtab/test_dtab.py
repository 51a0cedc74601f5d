from functools import partial

import pytest
from hypothesis import given

from dtab import NEG, Alt, Dentry, Dtab, NameTree, ParseError, Path
from tests.dtab.strategies import any_dtabs, few_dtabs, few_paths


def appended(rest: Path, target: Path) -> Path:
    return Path(target.labels + rest.labels)


def scanned(dtab: Dtab, path: Path) -> NameTree[Path]:
    """The rule of docs/linkerd1.md section 1.4, by walking the table."""
    trees = []
    for dentry in reversed(dtab.dentries):
        if dentry.prefix.matches(path):
            rest = Path(path.labels[len(dentry.prefix) :])
            trees.append(dentry.dst.map(partial(appended, rest)))
    return NEG if not trees else trees[0] if len(trees) == 1 else Alt(tuple(trees))


@given(few_dtabs, few_paths)
def test_lookup(dtab: Dtab, path: Path) -> None:
    assert dtab.lookup(path) == scanned(dtab, path)


@given(few_dtabs, few_dtabs, few_dtabs, few_paths)
def test_sums(one: Dtab, two: Dtab, three: Dtab, path: Path) -> None:
    both = one + two
    assert both.dentries == one.dentries + two.dentries
    assert both.lookup(path) == scanned(both, path)
    assert (both + three).lookup(path) == scanned(both + three, path)
    assert (one + two) + three == one + (two + three)
    assert Dtab.EMPTY + one == one == one + Dtab.EMPTY


def test_a_sum_of_many_is_indexed_anew() -> None:
    dtab = Dtab.EMPTY
    for number in range(20):
        dtab = dtab + Dtab.parse(f"/a=>/{number}")
        assert len(dtab._parts) <= 8
    assert dtab.lookup(Path.of("a", "x")).show() == " | ".join(f"/{number}/x" for number in range(19, -1, -1))


@pytest.mark.parametrize(
    ("dtab", "path", "tree"),
    [
        ("", "/a", "~"),
        ("/a=>/b", "/c", "~"),
        ("/a=>/b", "/a", "/b"),
        ("/a=>/b", "/a/x/y", "/b/x/y"),
        ("/a=>/b", "/ab", "~"),
        ("/a/b=>/c", "/a", "~"),
        ("/a=>/b;/a=>/c", "/a/x", "/c/x | /b/x"),
        ("/a=>/b | /c;/a=>/d", "/a/x", "/d/x | (/b/x | /c/x)"),
        ("/a=>0.3*/b & 0.7*/c", "/a/x", "0.30*/b/x & 0.70*/c/x"),
        ("/a=>! | ~ | $", "/a/x", "! | ~ | $"),
        ("/http/1.1/*/*=>/srv", "/http/1.1/GET/hello/x", "/srv/x"),
        ("/*/b=>/c", "/a/b/x", "/c/x"),
        ("/=>/b", "/a", "/b/a"),
        ("/=>/b", "/", "/b"),
        ("/a=>/", "/a/x", "/x"),
        ("/A=>/b", "/a", "~"),
    ],
)
def test_lookups(dtab: str, path: str, tree: str) -> None:
    assert Dtab.parse(dtab).lookup(Path.parse(path)) == NameTree.parse(tree)


def test_show() -> None:
    dtab = Dtab.parse(" /a => /b|/c ; /x/* => 2*/y & ! ;")
    assert dtab.show() == str(dtab) == "/a=>/b | /c;/x/*=>2.00*/y & !"
    assert repr(dtab) == "<Dtab /a=>/b | /c;/x/*=>2.00*/y & !>"
    assert Dtab.EMPTY.show() == ""


def test_one_dentry() -> None:
    dentry = Dentry.parse(" /a/* => /b ")
    assert dentry.show() == str(dentry) == "/a/*=>/b"
    with pytest.raises(ParseError):
        Dentry.parse("/a")


@given(any_dtabs)
def test_equality(dtab: Dtab) -> None:
    again = Dtab(list(dtab))
    assert again == dtab
    assert hash(again) == hash(dtab) == hash(again)
    assert dtab != dtab.dentries
    assert len(dtab) == len(dtab.dentries)


def test_ten_thousand_dentries() -> None:
    dtab = Dtab.parse(";".join(f"/svc/name{number} => /#/io.l5d.fs/name{number}" for number in range(10_000)))
    assert len(dtab) == 10_000
    assert dtab.lookup(Path.of("svc", "name1234", "x")).show() == "/#/io.l5d.fs/name1234/x"
