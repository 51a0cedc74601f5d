import pytest

from dtab import FAIL, NEG, Bound, Dentry, Path
from dtab.steps import (
    Choice,
    Dead,
    Delegate,
    Found,
    Node,
    Split,
    Transformed,
    Trouble,
    Waiting,
    below,
    choose,
    delegate,
    split,
)

A, B, C = (Path.of(label) for label in "abc")
ONE, TWO = Dentry.parse("/a=>/b"), Dentry.parse("/b=>/c")


def found(path: Path, dentry: Dentry | None = None) -> Found:
    return Found(path, dentry, Bound(path, Path.EMPTY, "addr"))


def test_a_step() -> None:
    assert delegate(A, None, found(B, ONE)) == Delegate(A, None, found(B, ONE))


def test_a_step_onto_the_same_path_is_none() -> None:
    assert delegate(A, TWO, found(A, ONE)) == found(A, TWO)


def test_a_dead_end_stays_a_step() -> None:
    assert delegate(A, TWO, Dead(A, ONE, FAIL)) == Delegate(A, TWO, Dead(A, ONE, FAIL))


def test_one_alternative_is_a_step() -> None:
    assert choose(A, None, [found(B)]) == Delegate(A, None, found(B))
    assert choose(A, ONE, []) == Dead(A, ONE, NEG)


def test_alternatives_of_the_same_path_are_one() -> None:
    inner = choose(A, ONE, [found(B), found(C)])
    step = delegate(A, TWO, found(C))
    assert choose(A, None, [inner, step, found(A)]) == Choice(A, None, (found(B), found(C), found(C), found(A)))
    assert choose(B, None, [inner, found(C)]) == Choice(B, None, (inner, found(C)))


def test_unions() -> None:
    assert split(A, None, [(2.0, found(B))]) == Delegate(A, None, found(B))
    assert split(A, None, []) == Dead(A, None, NEG)
    assert split(A, ONE, [(2.0, found(B)), (1.0, found(C))]) == Split(A, ONE, ((2.0, found(B)), (1.0, found(C))))


@pytest.mark.parametrize(
    ("node", "nodes"),
    [
        (Delegate(A, None, found(B)), [found(B)]),
        (Choice(A, None, (found(B), found(C))), [found(B), found(C)]),
        (Split(A, None, ((1.0, found(B)), (1.0, found(C)))), [found(B), found(C)]),
        (Transformed(A, None, "name", found(A).bound, found(B)), [found(B)]),
        (found(A), []),
        (Dead(A, None, NEG), []),
        (Trouble(A, None, "message"), []),
        (Waiting(A, None), []),
    ],
)
def test_below(node: Node, nodes: list[Node]) -> None:
    assert list(below(node)) == nodes
