import pytest

from dtab import (
    NEG,
    Bound,
    Delegation,
    Dtab,
    Failed,
    Leaf,
    Ok,
    Path,
    Pending,
    bind,
)
from dtab.delegation import Result


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
