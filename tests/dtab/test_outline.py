import pytest

from dtab import NEG, Answer, Bound, Delegation, Dtab, Failed, Leaf, Ok, Path, Pending, bind, utility
from dtab.outline import outline
from dtab.steps import Found, Transformed


def lookup(path: Path) -> Answer:
    match path.labels[0]:
        case b"#":
            return Ok(Leaf(Bound(path.take(2), path.drop(2), "addr")))
        case b"wait":
            return Pending()
        case b"broken":
            return Failed("it broke")
        case _:
            return utility.lookup(path) or Ok(NEG)


DTAB = "/svc=>/host | /wait | /broken | $ | !; /host=>0.25*/#/fs & /#/fs/b"
OUTLINE = """\
/svc/a/x
  /svc/a/x  (/svc=>/host | /wait | /broken | $ | !)  the first of
    /host/a/x  (/svc=>/host | /wait | /broken | $ | !)  all of
      0.25*/#/fs/a/x  (/host=>0.25*/#/fs & /#/fs/b)  is /#/fs, residual /a/x
      /#/fs/b/a/x  (/host=>0.25*/#/fs & /#/fs/b)  is /#/fs, residual /b/a/x
    /wait/a/x  (/svc=>/host | /wait | /broken | $ | !)  pending
    /broken/a/x  (/svc=>/host | /wait | /broken | $ | !)  failed: it broke
    /svc/a/x  (/svc=>/host | /wait | /broken | $ | !)  empty
    /svc/a/x  (/svc=>/host | /wait | /broken | $ | !)  fails

bound to 0.25*/#/fs & /#/fs
"""


def test_every_kind_of_step() -> None:
    delegation = bind(Dtab.parse(DTAB), Path.parse("/svc/a/x"), lookup, explore=True)
    lines = list(outline(delegation))
    expected = OUTLINE.splitlines()
    # An alternative right at its own path is shown as that path's alternatives.
    assert lines == [
        "/svc/a/x  the first of",
        *[line.removeprefix("  ") for line in expected[2:-2]],
        *expected[-2:],
    ]


def test_transformed() -> None:
    found = bind(Dtab.EMPTY, Path.parse("/#/a"), lookup)
    assert isinstance(found.root, Found)
    delegation = Delegation(found.result, Transformed(Path.parse("/#/a"), None, "port", found.root.bound, found.root))
    assert list(outline(delegation)) == ["/#/a  transformed by port", "  /#/a  is /#/a", "", "bound to /#/a"]


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/a", "negative"),
        ("/$/nil", "empty"),
        ("/$/fail", "fails"),
        ("/wait", "pending"),
        ("/broken", "failed: it broke"),
        ("/#/fs", "bound to /#/fs"),
    ],
)
def test_results(path: str, result: str) -> None:
    assert list(outline(bind(Dtab.EMPTY, Path.parse(path), lookup)))[-1] == result
