import pytest

from dtab import (
    EMPTY,
    NEG,
    Alt,
    Bound,
    Delegation,
    Dentry,
    Dtab,
    Failed,
    Leaf,
    NameTree,
    Ok,
    Path,
    Pending,
    Union,
    Weighted,
    bind,
)
from dtab.delegation import Result
from dtab.steps import Delegate, Trouble


def lookup(path: Path) -> Result:
    match path.labels[0]:
        case b"x" | b"y":
            return Ok(Leaf(Bound(path, Path.EMPTY, "addr")))
        case b"wait":
            return Pending()
        case b"broken":
            return Failed("broken")
        case _:
            return Ok(NEG)


def delegation(dtab: str, explore: bool = True) -> Delegation:
    return bind(Dtab.parse(dtab), Path.of("a"), lookup, explore=explore)


@pytest.mark.parametrize(
    ("dtab", "explore", "pending"),
    [
        ("/a=>/x", True, False),
        ("/a=>/x | /wait", True, True),
        ("/a=>/x | /wait", False, False),
        ("/a=>/x & /wait", False, True),
    ],
)
def test_pending(dtab: str, explore: bool, pending: bool) -> None:
    assert delegation(dtab, explore).pending is pending


def test_the_way_to_a_bound_name() -> None:
    way = delegation("/a=>/nothing | /b & /y;/b=>/c;/c=>/x/z").way_to(Path.of("x", "z"))
    assert [(node.path.show(), node.dentry and node.dentry.show()) for node in way] == [
        ("/a", None),
        ("/a", "/a=>/nothing | /b & /y"),
        ("/b", "/a=>/nothing | /b & /y"),
        ("/c", "/b=>/c"),
        ("/x/z", "/c=>/x/z"),
    ]
    assert delegation("/a=>/x").way_to(Path.of("y")) == []


def test_nodes_come_from_top_to_bottom() -> None:
    assert [node.path.show() for node in delegation("/a=>/b | /x;/b=>/y").nodes()] == ["/a", "/b", "/y", "/x"]


def prefixed(tree: NameTree[Bound]) -> NameTree[Bound]:
    return tree.map(lambda bound: Bound(Path.of("%") + bound.id, bound.residual, bound.addr))


def test_transformed() -> None:
    plain = delegation("/a=>/b | /x & /y | /wait | /broken | /nothing;/b=>/x")
    changed = plain.transformed("prefixed", prefixed)
    assert changed.result == Ok(Leaf(Bound(Path.of("%", "x"), Path.EMPTY, "addr")))
    assert " ".join(type(node).__name__ for node in changed.nodes()) == (
        "Choice Delegate Transformed Found Split Transformed Found Transformed Found Waiting Trouble Dead"
    )


def test_transformed_twice() -> None:
    twice = delegation("/a=>/x").transformed("one", prefixed).transformed("two", prefixed)
    node = twice.json()["delegate"]
    assert (node["type"], node["name"]) == ("transformation", "one")
    assert (node["tree"]["type"], node["tree"]["name"]) == ("transformation", "two")
    assert node["tree"]["tree"]["bound"]["id"] == "/%/%/x"


def test_a_failure_is_not_transformed() -> None:
    changed = delegation("/a=>/broken").transformed("prefixed", prefixed)
    assert changed.result == Failed("broken")
    trouble = Trouble(Path.of("broken"), Dentry.parse("/a=>/broken"), "broken")
    assert changed.root == Delegate(Path.of("a"), None, trouble)


@pytest.mark.parametrize(
    ("tree", "json"),
    [
        (EMPTY, {"type": "empty"}),
        (NEG, {"type": "neg"}),
        (Alt((NEG, EMPTY)), {"type": "alt", "alt": [{"type": "neg", "path": "/x"}, {"type": "empty", "path": "/x"}]}),
        (
            Union((Weighted(2.0, NEG), Weighted(1.0, EMPTY))),
            {
                "type": "union",
                "union": [
                    {"weight": 2.0, "tree": {"type": "neg", "path": "/x"}},
                    {"weight": 1.0, "tree": {"type": "empty", "path": "/x"}},
                ],
            },
        ),
    ],
)
def test_a_transformer_may_answer_any_tree(tree: NameTree[Bound], json: dict[str, object]) -> None:
    changed = delegation("/a=>/x").transformed("odd", lambda _: tree)
    assert changed.result == Ok(tree)
    assert changed.json()["delegate"]["tree"] == {"path": "/x", **json}
