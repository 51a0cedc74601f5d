import copy
import pickle

import pytest
from hypothesis import given

from dtab import EMPTY, FAIL, NEG, Alt, Leaf, NameTree, Path, Union, Weighted
from dtab.tree import show_weight
from tests.dtab.strategies import few_paths, trees

handmade_trees = trees(few_paths, parsed=False)
A, B, C = (Leaf(Path.of(label)) for label in "abc")


def parse(text: str) -> NameTree[Path]:
    return NameTree.parse(text)


def paths(*texts: str) -> frozenset[Path]:
    return frozenset(map(Path.parse, texts))


@given(handmade_trees)
def test_simplifying_keeps_what_a_tree_evaluates_to(tree: NameTree[Path]) -> None:
    assert tree.simplified.eval() == tree.eval()
    assert tree.simplified.simplified == tree.simplified


@given(handmade_trees)
def test_handmade_trees_can_be_shown_and_read(tree: NameTree[Path]) -> None:
    read = parse(tree.show())
    assert read.eval() == tree.eval()
    assert read.show() == tree.show()


@given(handmade_trees)
def test_mapping_keeps_the_shape(tree: NameTree[Path]) -> None:
    assert tree.map(lambda path: path) == tree
    assert hash(tree.map(lambda path: path)) == hash(tree)
    assert list(tree.map(Path.show).leaves()) == [path.show() for path in tree.leaves()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" /a|/b ", "/a | /b"),
        ("/a&/b|/c", "/a & /b | /c"),
        ("/a & (/b | /c)", "/a & (/b | /c)"),
        ("/a & (/b & /c)", "/a & (/b & /c)"),
        ("(/a | /b) | /c", "(/a | /b) | /c"),
        (".5*/a & 2*/b & 1.0*/c", "0.50*/a & 2.00*/b & /c"),
        ("0*! & ~ & $", "0.00*! & ~ & $"),
        ("0.125 * /a & .1*(/b | /c)", "0.125*/a & 0.10*(/b | /c)"),
        ("0.0000001*/a & 9000000000000000000*/b", "0.0000001*/a & 9000000000000000000.00*/b"),
    ],
)
def test_show(text: str, shown: str) -> None:
    assert parse(text).show() == shown
    assert str(parse(text)) == shown
    assert parse(shown) == parse(text)


def test_what_no_parser_makes_is_shown_as_what_it_stands_for() -> None:
    assert Alt(()).show() == "~"
    assert Union(()).show() == "~"
    assert Alt((A,)).show() == "/a"
    assert Union((Weighted(3.0, A),)).show() == "/a"
    assert Alt((Alt((A, B)),)).show() == "/a | /b"
    assert Union((Weighted(2.0, Alt((Alt((A, B)),))), Weighted(1.0, Alt((C,))))).show() == "2.00*(/a | /b) & /c"


@pytest.mark.parametrize(
    ("weight", "shown"), [(1.0, ""), (0.0, "0.00*"), (0.3, "0.30*"), (1 / 3, "0.3333333333333333*")]
)
def test_weights(weight: float, shown: str) -> None:
    assert show_weight(weight) == shown


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), 1e101])
def test_impossible_weights(weight: float) -> None:
    with pytest.raises(ValueError, match="a weight is a number from 0"):
        Weighted(weight, A)


@pytest.mark.parametrize(
    ("text", "simpler"),
    [
        ("~ | /a | ~", "/a"),
        ("/a | ! | /b", "/a | !"),
        ("~ | ~", "~"),
        ("! | /a", "!"),
        ("$ | /a", "$ | /a"),
        ("/a & ~ & ! & /b", "/a & /b"),
        ("/a & !", "/a"),
        ("! & !", "~"),
        ("~ & $", "$"),
        ("(! & ~) | /a", "/a"),
    ],
)
def test_simplified(text: str, simpler: str) -> None:
    assert parse(text).simplified == parse(simpler)


def test_a_lone_branch_is_its_tree_even_if_that_fails() -> None:
    assert Union((Weighted(1.0, FAIL),)).simplified is FAIL
    assert Union((Weighted(1.0, FAIL),)).eval() is None
    assert Alt(()).simplified is NEG
    assert Union(()).simplified is NEG
    assert Alt((Union((Weighted(1.0, FAIL),)), A)).simplified is FAIL


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/a", paths("/a")),
        ("$", paths()),
        ("~", None),
        ("!", None),
        ("~ | /a | /b", paths("/a")),
        ("~ | ! | /b", None),
        ("$ | /b", paths()),
        ("/a & ~ & /b & !", paths("/a", "/b")),
        ("~ & !", None),
        ("(~ & !) | /c", paths("/c")),
        ("$ & ~", paths()),
        ("/a & (~ | /b)", paths("/a", "/b")),
    ],
)
def test_eval(text: str, value: frozenset[Path] | None) -> None:
    assert parse(text).eval() == value


def test_equality() -> None:
    assert parse("/a | /b") == parse("/a | /b")
    assert parse("/a | /b") != parse("/a & /b")
    assert parse("/a | /b") != parse("/a | /b | /c")
    assert parse("2*/a & /b") != parse("3*/a & /b")
    assert parse("/a") != parse("/b")
    assert Path.of("a") != A
    assert len({NEG, EMPTY, FAIL, parse("~"), parse("$")}) == 3


def test_terminals_are_single() -> None:
    assert copy.deepcopy(NEG) is NEG
    assert pickle.loads(pickle.dumps(Alt((FAIL, EMPTY)))).trees == (FAIL, EMPTY)
    assert repr(NEG) == "<Terminal ~>"
    assert repr(parse("/a & 2*/b")) == "<Union /a & 2.00*/b>"


@pytest.mark.parametrize("kind", ["Alt", "Union"])
def test_depth_is_no_matter(kind: str) -> None:
    tree: NameTree[Path] = A
    for _ in range(5_000):
        tree = Alt((tree, B)) if kind == "Alt" else Union((Weighted(2.0, tree), Weighted(1.0, B)))
    assert tree == tree.map(lambda path: path)
    assert hash(tree) == hash(tree.map(lambda path: path))
    assert tree.simplified == tree
    assert tree.eval() == (paths("/a") if kind == "Alt" else paths("/a", "/b"))
    assert len(tree.show()) > 5_000
    assert sum(1 for _ in tree.leaves()) == 5_001
